// @ts-check
/** Arabic: what the page of the main port shows beside the texts of the chat. */

// Names of others keep their own direction within ours.
const own = (/** @type {string} */ text) => `\u2068${text}\u2069`;

/** @param {import("./strings.js").Tools} tools */
export default ({ number }) => ({
  landingTitle: "chatserver · دردشة مباشرة بجانب بثّك",
  landingHeading: "دردشة مباشرة بجانب بثّك",
  landingLead: "لكل بثّ غرفته الخاصة: افتحها بطلب واحد إلى الواجهة البرمجية، وشارك رابطها، وتحدّث.",
  enterHeading: "دخول غرفة",
  roomLabel: "الغرفة",
  roomPlaceholder: "testroom",
  roomRule: "أحرف لاتينية وأرقام ونقاط وشرطات، على أن يبدأ الاسم بحرف أو رقم.",
  enterButton: "دخول",
  noSuchRoom: (/** @type {string} */ name) => `لا توجد غرفة مفتوحة باسم «${own(name)}».`,
  createHeading: "إنشاء غرفة",
  keyLabel: "مفتاح الواجهة البرمجية",
  keyHint: "يُرسل إلى هذا الخادم فقط، ويُنسى عندما تغادر الصفحة.",
  createButton: "إنشاء",
  creating: "جارٍ الإنشاء…",
  created: (/** @type {string} */ name) => `الغرفة «${own(name)}» مفتوحة.`,
  existed: (/** @type {string} */ name) => `كانت الغرفة «${own(name)}» مفتوحة بالفعل.`,
  ownPort: "على منفذها الخاص",
  underPath: "تحت هذا العنوان",
  noMoreRooms: "لا يمكن إنشاء المزيد من الغرف هنا حاليًا.",
  curlHeading: "الأمر نفسه من سطر الأوامر",
  copy: "نسخ",
  copied: "تم النسخ",
  openRooms: "الغرف المفتوحة",
  noRooms: "لا توجد غرف مفتوحة.",
  refresh: "تحديث",
  needKey: "أدخل مفتاح الواجهة البرمجية.",
  badRoom: "هذا لا يصلح اسمًا لغرفة.",
  unreachable: "تعذر الوصول إلى الخادم.",
  unexpected: (/** @type {number} */ status) => `أجاب الخادم بالحالة ${number(status)}.`,
});
