package e2e_test

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"chatserver/internal/mongotest"
)

// What can be tried of the Dockerfile and of compose.yaml where there is no Docker: they are
// read by Docker's own parts (testdata/docker), and what they run is run without it.

var buildDocker = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "docker")
	if out, err := exec.Command("go", "build", "-C", "testdata/docker", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build testdata/docker: %w\n%s", err, out)
	}
	return path, nil
})

// docker asks Docker's own parts.
func docker(t *testing.T, environ []string, args ...string) (out string, err error) {
	t.Helper()
	path, err := buildDocker()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = clean(environ...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// project is compose.yaml, as Compose understands it.
type project struct {
	Services map[string]service `json:"services"`
}

type service struct {
	Image       string            `json:"image"`
	Build       *struct{}         `json:"build"`
	Entrypoint  []string          `json:"entrypoint"`
	Command     []string          `json:"command"`
	Environment map[string]string `json:"environment"`
	Volumes     []struct {
		Type   string `json:"type"`
		Source string `json:"source"`
	} `json:"volumes"`
	Ports []struct {
		Target int    `json:"target"`
		HostIP string `json:"host_ip"`
	} `json:"ports"`
	Networks map[string]struct {
		Address string `json:"ipv4_address"`
	} `json:"networks"`
	Healthcheck *struct {
		Test []string `json:"test"`
	} `json:"healthcheck"`
}

func (s service) address() string { return s.Networks["default"].Address }

// composeKeys are the secrets that compose.yaml wants of the environment.
var composeKeys = []string{
	"KEY=" + testKey, "ADMIN_KEY=" + testAdminKey, "LOADBALANCER_KEY=" + balancerKey,
	"TOKEN_SECRET=secret-0123456789abcdef", "GRAFANA_PASSWORD=grafana",
}

func readCompose(t *testing.T) project {
	t.Helper()
	out, err := docker(t, composeKeys, "compose", "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var p project
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// inCompose says of each command in compose.yaml where it is run without Docker.
var inCompose = map[string]string{
	"chat1":      "the image's own: TestComposeWithoutDocker",
	"chat2":      "the image's own: TestComposeWithoutDocker",
	"doctor":     "/chatserver doctor https://chat1.localhost/: TestDoctor",
	"lb1":        "-addr :2000: TestComposeWithoutDocker",
	"lb2":        "-addr :2001: TestComposeWithoutDocker",
	"nginx":      "the image's own: TestComposeWithoutDocker runs nginx.sh, and NGINX with what comes of it",
	"prometheus": "the image's own: TestComposeWithoutDocker",
	"grafana":    "the image's own: not run, there is no Grafana at hand; the tests of the dashboard read its files",
	"mongo1":     "mongod --replSet rs --bind_ip_all: not run, there is no MongoDB at hand",
	"mongo2":     "mongod --replSet rs --bind_ip_all: not run",
	"mongo3":     "mongod --replSet rs --bind_ip_all: not run",
	"mongo-init": "mongosh --quiet --host mongo1 /mongo-init.js: not run; TestMongoInit runs the script with a stand-in for the database",
}

// builtHere are images that compose.yaml builds; all others are named by a version.
var builtHere = []string{"chatserver", "chatserver-loadbalancer"}

var versioned = regexp.MustCompile(`^[a-z0-9./-]+:v?\d+\.\d+\.\d+$`)

func TestCompose(t *testing.T) {
	if out, err := docker(t, composeKeys[1:], "compose", "compose.yaml"); err == nil || !strings.Contains(err.Error(), "required variable KEY is missing a value: is what API callers send") {
		t.Errorf("want a start without keys to be refused with words, got %v %.100s", err, out)
	}
	p := readCompose(t)
	known := regexp.MustCompile(`(?m)^ {2}([A-Z_]+) `).FindAllStringSubmatch(usage(t), -1)
	for name, s := range p.Services {
		if !slices.Contains(builtHere, s.Image) && !versioned.MatchString(s.Image) {
			t.Errorf("%s: want an image with its version, got %q", name, s.Image)
		}
		for _, v := range s.Volumes {
			if info, err := os.Stat(v.Source); v.Type == "bind" && (err != nil || info.Mode().Perm()&0o044 != 0o044) {
				t.Errorf("%s mounts %s, which everybody must be able to read: %v, %v", name, v.Source, info, err)
			}
		}
		for variable := range s.Environment {
			if s.Image == "chatserver" && variable != "SSL_CERT_FILE" && !slices.ContainsFunc(known, func(k []string) bool { return k[1] == variable }) {
				t.Errorf("%s sets %s, which the server does not know", name, variable)
			}
		}
		command := strings.Join(append(s.Entrypoint, s.Command...), " ")
		if where, ok := inCompose[name]; !ok || !strings.HasPrefix(where, cmp.Or(command, "the image's own")+": ") {
			t.Errorf("%s runs %q: say in inCompose where that is run without Docker", name, command)
		}
		for _, port := range s.Ports {
			if public := port.Target == 80 || port.Target == 443; public != (port.HostIP == "") {
				t.Errorf("%s: port %d is published at %q; only those of viewers are for others", name, port.Target, port.HostIP)
			}
		}
	}
	for name := range inCompose {
		if _, ok := p.Services[name]; !ok {
			t.Errorf("%s is in inCompose, and not in compose.yaml", name)
		}
	}
	wantFitting(t, p)
	if got, want := prometheusOf(t, "deploy/compose/prometheus.yml"), prometheusOf(t, "deploy/prometheus/prometheus.yml"); !reflect.DeepEqual(got, want) {
		t.Errorf("want the two configurations of Prometheus to be the same but for targets, got\n%v\nbeside\n%v", got, want)
	}
}

// prometheusOf is a configuration of Prometheus, without its targets.
func prometheusOf(t *testing.T, file string) (content any) {
	t.Helper()
	text := regexp.MustCompile(`targets: .*`).ReplaceAllString(readFile(t, file), "targets: []")
	if err := yaml.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	return content
}

// usage is what chatserver -h prints.
func usage(t *testing.T) string {
	t.Helper()
	p := run(t, buildServer, nil, "-h")
	p.wantExit("-h", 0)
	return p.text()
}

// wantFitting wants what different services say of one another to agree.
func wantFitting(t *testing.T, p project) {
	t.Helper()
	conf := readFile(t, nginxConf)
	var servers, balancers []string
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		s := p.Services[name]
		if s.Image == "chatserver" && len(s.Entrypoint) == 0 {
			servers = append(servers, s.Environment["HOST"]+"="+s.address())
			for _, says := range []string{"server 127.0.0.1:" + s.Environment["PORT"] + ";", "$chatserver:" + s.Environment["ADMIN_PORT"] + ";"} {
				if !strings.Contains(conf, says) {
					t.Errorf("%s: want its ports to be those of %s, which has no %q", name, nginxConf, says)
				}
			}
			if trusted := s.Environment["TRUSTED_PROXIES"]; trusted != p.Services["nginx"].address() {
				t.Errorf("%s: want it to trust nginx at %s, it trusts %s", name, p.Services["nginx"].address(), trusted)
			}
		}
		if s.Image == "chatserver-loadbalancer" {
			balancers = append(balancers, "https://"+name+s.Command[1])
		}
	}
	if got := p.Services["nginx"].Environment["CHAT_SERVERS"]; got != strings.Join(servers, " ") || len(servers) != 2 {
		t.Errorf("want nginx to know %q, it knows %s", servers, got)
	}
	if got := p.Services["chat1"].Environment["LOADBALANCERS"]; got != strings.Join(balancers, ",") || len(balancers) != 2 {
		t.Errorf("want the servers to know %q, they know %s", balancers, got)
	}
}

// What compose.yaml starts works together: the servers and load balancers with its
// settings, NGINX with what nginx.sh makes. Addresses and ports are others, and the database
// is the tests' own.
func TestComposeWithoutDocker(t *testing.T) {
	p := readCompose(t)
	db := mongotest.Start(t)
	var balancers []*process
	var urls []string
	for _, name := range []string{"lb1", "lb2"} {
		lb := p.Services[name]
		b := run(t, buildLoadBalancer, environ(lb), lb.Command[0], "127.0.0.1:0")
		balancers = append(balancers, b)
		urls = append(urls, "https://"+b.wantPrinted(name, `listening on https://(\S+)`)[1])
	}
	ports := freePorts(t, 2) // the same at both addresses, as in compose.yaml
	addresses := map[string]string{"chat1": "127.0.0.11", "chat2": "127.0.0.12"}
	n := &nginx{t: t, dir: t.TempDir()}
	for name, address := range addresses {
		settings := append(chatSettings(t), environ(p.Services[name])...)
		settings = append(settings, "PORT="+ports[0], "ADMIN_PORT="+ports[1], "BIND="+address, "ADMIN_BIND="+address, "DATA_DIR=data",
			"MONGO_URI="+db.URI(), "LOADBALANCERS="+strings.Join(urls, ","), "TRUSTED_PROXIES=127.0.0.1")
		s := run(t, buildServer, settings)
		s.wantPrinted(name+" is ready", `\bready\b`)
		for _, b := range balancers {
			b.wantPrinted(name+" is known", p.Services[name].Environment["HOST"]+":"+ports[0]+` registered`)
		}
		health := run(t, buildServer, settings, "-health") // as the image does
		health.wantExit("its health", 0)
	}
	n.fromCompose(p, addresses, ports)
	v := n.visitor("127.0.0.1")
	const room = "/api/v1/room/testroom"
	for name := range addresses {
		host := p.Services[name].Environment["HOST"] + ":" + n.mainPort
		if got := v.ask("POST", "https://"+host+room, "", "X-API-Key", testKey); got.StatusCode != http.StatusCreated {
			t.Errorf("%s: want a room, got %s %s", name, got.Status, got.text)
		}
		if got := v.ask("PATCH", "https://"+host+room, `{"title":"`+name+`"}`, "X-API-Key", testKey); got.StatusCode != http.StatusOK {
			t.Errorf("%s: want another title, got %s %s", name, got.Status, got.text)
		}
	}
	watch := startPrometheus(t, "deploy/compose/prometheus.yml", map[string]string{"chat1:8090": addresses["chat1"] + ":" + ports[1], "chat2:8090": addresses["chat2"] + ":" + ports[1]})
	eventually(t, "Prometheus sees both servers", func() bool { return watch.count(`up{job="chatserver"} == 1`) == 2 })
	for name := range addresses {
		host := p.Services[name].Environment["HOST"] + ":" + n.mainPort
		if got := v.ask("GET", "https://"+host+"/r/testroom/", "", "Accept", "application/json"); !strings.Contains(got.text, `"title":"`+name+`"`) {
			t.Errorf("%s: want each name to lead to a server of its own, got %s %s", name, got.Status, got.text)
		}
	}
}

// environ is the environment that compose.yaml gives a service.
func environ(s service) []string {
	var all []string
	for name, value := range s.Environment {
		all = append(all, name+"="+value)
	}
	return all
}

// fromCompose starts NGINX with the configuration that nginx.sh makes for compose.yaml, with
// other addresses and ports.
func (n *nginx) fromCompose(p project, addresses map[string]string, ports []string) {
	n.t.Helper()
	servers := p.Services["nginx"].Environment["CHAT_SERVERS"]
	for name, address := range addresses {
		servers = strings.ReplaceAll(servers, p.Services[name].address(), address)
	}
	made := filepath.Join(n.dir, "made.conf")
	script := exec.Command("deploy/compose/nginx.sh")
	script.Env = clean("CHAT_SERVERS="+servers, "OPERATORS=127.0.0.77", "FROM="+nginxConf, "TO="+made, "CERTIFICATES="+n.dir)
	if out, err := script.CombinedOutput(); err != nil {
		n.t.Fatalf("nginx.sh: %v\n%s", err, out)
	}
	n.certificate = filepath.Join(n.dir, "certificate.pem")
	n.trust([]byte(readFile(n.t, n.certificate)))
	own := freePorts(n.t, 3)
	n.mainPort = own[1]
	edits := []edit{
		{"listen 80;", "listen 127.0.0.1:" + own[0] + ";"},
		{"listen 443 ", "listen 127.0.0.1:" + own[1] + " "},
		{"listen 8443 ", "listen 127.0.0.1:" + own[2] + " "},
		{"/var/www/html", n.dir},
		{"/var/log/nginx/access.log", filepath.Join(n.dir, "access.log")},
		{":8080;", ":" + ports[0] + ";"},
		{":8090;", ":" + ports[1] + ";"},
		{"allow 127.0.0.77;\n    deny  all;", "deny all;"},
	}
	n.configure(made, edits)
	n.start()
}

// A build with what Docker gives it, by .dockerignore, makes programs that need nothing
// beside them.
func TestDockerBuild(t *testing.T) {
	if out, err := docker(t, nil, "check", "Dockerfile"); err != nil {
		t.Errorf("want nothing to be said against the Dockerfile: %v\n%s", err, out)
	}
	files, err := docker(t, nil, "context", ".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name := range strings.Lines(files) {
		name = strings.TrimSpace(name)
		if strings.HasSuffix(name, "_test.go") {
			t.Errorf("want no tests in the build, got %s", name)
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), readFile(t, name))
	}
	text := readFile(t, "Dockerfile")
	for _, target := range regexp.MustCompile(`\bmake (\w+)`).FindAllStringSubmatch(text, -1) {
		command := exec.Command("make", "-C", dir, target[1])
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v\n%s", target[1], err, out)
		}
	}
	for _, program := range []string{"chatserver", "loadbalancer"} {
		f, err := elf.Open(filepath.Join(dir, program))
		if err != nil {
			t.Fatal(err)
		}
		for _, segment := range f.Progs {
			if segment.Type == elf.PT_INTERP {
				t.Errorf("%s needs a loader, which its image has not", program)
			}
		}
		_ = f.Close()
		if !strings.Contains(text, "/src/"+program+" /"+program+"\n") {
			t.Errorf("want the Dockerfile to take %s from where it is built", program)
		}
	}
}

// The script that makes a replica set is run in Node with a stand-in for MongoDB's shell.
func TestMongoInit(t *testing.T) {
	const around = `
		const [file, begun] = process.argv.slice(1);
		const seen = [];
		let state = begun, waited = 0;
		globalThis.rs = {
			status() {
				if (state === "none") throw Object.assign(new Error("no"), { codeName: "NotYetInitialized" });
				if (state === "broken") throw Object.assign(new Error("broken"), { codeName: "Unauthorized" });
				return { members: [{ stateStr: "SECONDARY" }, { stateStr: waited > 1 ? "PRIMARY" : "SECONDARY" }] };
			},
			initiate(set) { seen.push(set._id, ...set.members.map((m) => m._id + " " + m.host)); state = "set"; },
		};
		globalThis.sleep = () => { waited++; };
		require("vm").runInThisContext(require("fs").readFileSync(file, "utf8"));
		console.log(JSON.stringify([waited, ...seen]));`
	for begun, want := range map[string]string{
		"none":   `[2,"rs","0 mongo1:27017","1 mongo2:27017","2 mongo3:27017"]`,
		"set":    `[2]`,
		"broken": `Error: broken`,
	} {
		out, _ := exec.Command("node", "-e", around, "deploy/compose/mongo-init.js", begun).CombinedOutput() // what it says tells
		if !strings.Contains(string(out), want) {
			t.Errorf("%s: want %s, got %s", begun, want, out)
		}
	}
}
