// Makes a replica set of the three servers of compose.yaml, unless it is one already, and
// waits until it has a primary. For mongosh, on the first of them.
const members = ["mongo1", "mongo2", "mongo3"];
try {
  rs.status();
} catch (err) {
  if (err.codeName !== "NotYetInitialized") throw err;
  rs.initiate({ _id: "rs", members: members.map((host, i) => ({ _id: i, host: `${host}:27017` })) });
}
while (!rs.status().members.some(({ stateStr }) => stateStr === "PRIMARY")) sleep(200);
