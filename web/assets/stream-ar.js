// @ts-check
/** Arabic: what is said in the place of the stream's picture. */

/** @param {import("./strings.js").Tools} tools */
export default ({ number }) => ({
  label: "البثّ",
  unmute: "تشغيل الصوت",
  play: "تشغيل",
  tryNow: "حاول الآن",
  watchAgain: "المشاهدة من جديد",
  open: "فتح البثّ وحده",
  again: (/** @type {number} */ s) => `محاولة أخرى خلال ${number(s)} ث`,
  loading: "يجري تحميل البثّ…",
  ready: "البثّ جاهز.",
  missing: "لم يبدأ البثّ بعد.",
  doubtful: "لم يبدأ البثّ بعد، أو أن هذا المتصفح لا يستطيع تشغيله.",
  unreachable: "تعذر الوصول إلى البثّ.",
  interrupted: "انقطع البثّ.",
  stalled: "البثّ متوقف حاليًا.",
  broken: "في البثّ خلل ما.",
  unscripted: "تعذر تحميل مشغّل هذا البثّ.",
  unable: "لا يستطيع هذا المتصفح تشغيل البثّ.",
  over: "انتهى البثّ.",
});
