// @ts-check
/** Arabic, for the desk. Texts that depend on something are functions. */

/** @param {import("./strings.js").Tools} tools */
export default ({ number, percent, plural, time, fullTime }) => {
  const SIZES = /** @type {[number, Record<string, string>][]} */ ([
    [86_400, { one: "يوم واحد", two: "يومين", few: "# أيام", many: "# يومًا", other: "# يوم" }],
    [3600, { one: "ساعة واحدة", two: "ساعتين", few: "# ساعات", many: "# ساعة", other: "# ساعة" }],
    [60, { one: "دقيقة واحدة", two: "دقيقتين", few: "# دقائق", many: "# دقيقة", other: "# دقيقة" }],
    [1, { one: "ثانية واحدة", two: "ثانيتين", few: "# ثوانٍ", many: "# ثانية", other: "# ثانية" }],
  ]);
  const duration = (/** @type {number} */ s) => {
    const [size, forms] = SIZES.find(([size]) => s >= size && s % size === 0) ?? SIZES[3];
    return plural(s / size, forms);
  };
  const characters = (/** @type {number} */ n) => plural(n, { one: "حرف واحد", two: "حرفين", few: "# أحرف", many: "# حرفًا", other: "# حرف" });
  const votes = (/** @type {number} */ n) =>
    plural(n, { zero: "لا أصوات", one: "صوت واحد", two: "صوتان", few: "# أصوات", many: "# صوتًا", other: "# صوت" });
  const messages = (/** @type {number} */ n) =>
    plural(n, { zero: "لا رسائل", one: "رسالة واحدة", two: "رسالتان", few: "# رسائل", many: "# رسالة", other: "# رسالة" });
  const isToday = (/** @type {number} */ ms) => new Date(ms).toDateString() === new Date().toDateString();

  // Names and texts of others keep their own direction within ours.
  const own = (/** @type {string} */ text) => `\u2068${text}\u2069`;

  return {
    desk: "الإشراف",
    openDesk: "لوحة الإشراف",
    closeDesk: "إغلاق لوحة الإشراف",
    tabs: { room: "الغرفة", poll: "استطلاع", sanctions: "الحظر", acts: "السجل", figures: "الرسوم" },
    duration,
    durationLabel: (/** @type {number} */ s) => duration(s).replace("دقيقتين", "دقيقتان").replace("ساعتين", "ساعتان").replace("ثانيتين", "ثانيتان").replace("يومين", "يومان"),
    clock: (/** @type {number} */ ms) => (isToday(ms) ? time : fullTime)(ms),

    // Acts on messages and people.
    pin: "تثبيت",
    unpin: "إلغاء التثبيت",
    timeout: "إيقاف مؤقت…",
    ban: "حظر…",
    lift: "رفع العقوبة",
    showActs: "عرض في السجل",
    removed: (/** @type {string} */ name) => `أُزيلت رسالة ${own(name)}.`,
    pinned: "ثُبّتت الرسالة.",
    unpinned: "أُلغي التثبيت.",
    undo: "تراجع",
    undone: "تم التراجع.",
    dismiss: "إغلاق هذا التنبيه",
    timeoutHeading: (/** @type {string} */ name) => `إيقاف ${own(name)} مؤقتًا؟`,
    timeoutAbout: "يمكنه متابعة القراءة، لكن لا يمكنه الدردشة حتى انتهاء المدة.",
    timeoutButton: "إيقاف مؤقت",
    banHeading: (/** @type {string} */ name) => `حظر ${own(name)}؟`,
    banAbout: "يُخرَج فورًا، ولا يمكنه الدخول حتى يُرفع الحظر.",
    banButton: "حظر",
    howLong: "المدة",
    own: "مدة أخرى",
    ownCount: "العدد",
    ownUnit: "الوحدة",
    units: /** @type {Record<number, string>} */ ({ 60: "دقائق", 3600: "ساعات", 86400: "أيام" }),
    durationProblem: (/** @type {number} */ most) => `اختر مدة لا تزيد عن ${duration(most)}.`,
    reason: "السبب (اختياري)",
    reasonHint: "يراه كل من في الدردشة.",
    reasonsBefore: "أسباب ذكرتها من قبل",

    // The room.
    settingsHeading: "الإعدادات",
    settings: /** @type {Record<string, string>} */ ({
      title: "العنوان",
      stream_url: "رابط البثّ",
      slow_mode: "الوضع البطيء",
      members_only: "للأعضاء فقط",
      emotes_only: "رموز تعبيرية فقط",
      unique: "بلا تكرار",
    }),
    settingHints: {
      title: "",
      stream_url: "قائمة تشغيل HLS (‎.m3u8). إن تُرك فارغًا ظهرت الدردشة وحدها.",
      slow_mode: "عدد الثواني بين رسالتين للشخص نفسه. 0: متوقف.",
      members_only: "يمكن للآخرين القراءة.",
      emotes_only: "لا تحوي الرسائل غير الرموز التعبيرية.",
      unique: "لا يجوز تكرار الرسالة نفسها خلال 30 ثانية.",
    },
    settingValue: (/** @type {string} */ key, /** @type {any} */ value) => {
      if (key === "slow_mode") return value ? duration(value) : "متوقف";
      if (typeof value === "boolean") return value ? "مفعّل" : "متوقف";
      return value ? `«${own(value)}»` : "فارغ";
    },
    off: "متوقف",
    save: "حفظ",
    discard: "تجاهل التغييرات",
    saved: "حُفظت الإعدادات.",
    changedMeanwhile: (/** @type {string} */ by, /** @type {string} */ value) => `تغيّرت هذه القيمة في هذه الأثناء إلى ${value} (${own(by)}).`,
    takeOver: "اعتماد ذلك",
    tooLong: (/** @type {number} */ most) => `النص طويل جدًا: لا يزيد عن ${characters(most)}.`,
    badAddress: "ليس هذا رابطًا يبدأ بـ ‎https://‎ أو ‎http://‎.",
    badPace: (/** @type {number} */ most) => `عدد صحيح من ${number(0)} إلى ${number(most)}.`,
    announceHeading: "إعلان",
    announceLabel: "نص الإعلان",
    announceHint: "يبرز بين الرسائل.",
    announceButton: "نشر الإعلان",
    announced: "نُشر الإعلان.",
    clearHeading: "مسح الدردشة",
    clearHint: "يزيل جميع الرسائل لدى الجميع.",
    clearButton: "مسح الدردشة…",
    clearFirst: "مسح الدردشة؟",
    clearFirstAbout: "ستُزال جميع الرسائل حتى الآن لدى الجميع.",
    clearGoOn: "متابعة",
    clearSecond: "هل أنت متأكد؟",
    clearSecondAbout: "لا يمكن لأحد استعادة الرسائل.",
    clearNow: "إزالة جميع الرسائل",
    clearDone: "مُسحت الدردشة.",
    keysHeading: "المفاتيح",
    keys: [
      ["↑ ↓", "اختيار رسالة، بدءًا من الحقل الفارغ"],
      ["M", "كل ما يمكن فعله بها"],
      ["Delete", "إزالتها"],
      ["P", "تثبيتها أو إلغاء تثبيتها"],
      ["T", "إيقاف كاتبها مؤقتًا"],
      ["B", "حظر كاتبها"],
      ["L", "رفع العقوبة عن كاتبها"],
      ["U", "التراجع عن آخر إجراء"],
    ],

    // Polls.
    pollHeading: "استطلاع جديد",
    noPoll: "لا يوجد استطلاع مفتوح. يمكن للمنتج فتح استطلاع.",
    question: "السؤال",
    option: (/** @type {number} */ n) => `الإجابة ${number(n)}`,
    addOption: "إضافة إجابة",
    removeOption: (/** @type {number} */ n) => `حذف الإجابة ${number(n)}`,
    howLongPoll: "مدة الاستطلاع",
    needed: "هذا الحقل مطلوب.",
    openPoll: "فتح الاستطلاع",
    pollOpened: "الاستطلاع مفتوح.",
    closePoll: "إغلاقه الآن",
    pollClosed: "أُغلق الاستطلاع.",
    newPoll: "استطلاع جديد",
    pollShare: (/** @type {number} */ share, /** @type {number} */ n) => `${number(n)} · ${percent(share)}`,
    pollOpen: (/** @type {number} */ n, /** @type {number} */ s) =>
      `${votes(n)} · ${s ? `بقي ${own(`${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`)}` : "على وشك الانتهاء"}`,
    pollOver: (/** @type {number} */ n) => `${votes(n)} · انتهى الاستطلاع.`,

    // People who may not chat, or not come in.
    sanctionsHint: "ما يرويه سجل هذه الغرفة. ولا يشمل ما يضعه مشغّلو الخادم أو المنصة في مكان آخر.",
    noSanctions: "لا أحد موقوف أو محظور في ما جرى البحث فيه.",
    sanctionKinds: /** @type {Record<string, string>} */ ({ timeout: "موقوف مؤقتًا", ban: "محظور" }),
    sanctionBy: (/** @type {string} */ until, /** @type {string} */ by) => `${until ? `حتى ${own(until)}` : "حتى يُرفع"} · بواسطة ${own(by)}`,

    // The log of acts.
    filterActs: "تصفية حسب الشخص",
    filterLabel: "عرض الإجراءات التي قام بها أو تعرّض لها من يحوي اسمه أو معرّفه هذا النص",
    noActs: "لا شيء من ذلك في ما جرى البحث فيه.",
    acts: {
      deleted: (/** @type {string} */ name) => (name ? `إزالة رسالة من ${own(name)}` : "إزالة رسالة"),
      deletedOwn: "إزالة رسالة خاصة به",
      cleared: "مسح الدردشة",
      timeout: (/** @type {string} */ name, /** @type {string} */ until) => `إيقاف ${own(name)} حتى ${own(until)}`,
      ban: (/** @type {string} */ name, /** @type {string} */ until) => `حظر ${own(name)}${until ? ` حتى ${own(until)}` : ""}`,
      unban: (/** @type {string} */ name, /** @type {string} */ _) => `رفع العقوبة عن ${own(name)}`,
      set: (/** @type {string} */ setting, /** @type {string} */ value) => `${setting}: ${value}`,
      pinned: "تثبيت رسالة",
      unpinned: "إلغاء التثبيت",
      announcement: (/** @type {string} */ text) => `إعلان: ${own(text)}`,
      poll: (/** @type {string} */ question) => `فتح الاستطلاع «${own(question)}»`,
      pollClosed: (/** @type {string} */ question) => `إغلاق الاستطلاع «${own(question)}»`,
    },
    lookBack: "البحث في ما قبل ذلك",
    looking: "جارٍ البحث…",
    lookedBackTo: (/** @type {string} */ when) => `كل ما حدث منذ ${own(when)}.`,
    lookedBackToBegin: "كل ما حدث منذ بداية السجل.",
    ledgerFull: (/** @type {number} */ n) => `هذه أحدث الإجراءات (${number(n)})، ولا يُحفظ هنا أكثر منها.`,

    // Figures over time.
    viewers: "المشاهدون",
    messages: "الرسائل في الدقيقة",
    messagesIn: messages,
    viewersAlt: (/** @type {number} */ now, /** @type {number} */ most, /** @type {number} */ minutes) =>
      `الآن ${number(now)}، وأعلى عدد خلال آخر ${duration(minutes * 60)}: ${number(most)}.`,
    messagesAlt: (/** @type {number} */ now, /** @type {number} */ most, /** @type {string} */ when, /** @type {number} */ minutes) =>
      `في هذه الدقيقة: ${messages(now)}؛ ${when ? `وأعلى عدد خلال آخر ${duration(minutes * 60)}: ${number(most)} عند ${own(when)}` : `ولا رسائل خلال آخر ${duration(minutes * 60)}`}.`,
    figuresHint: "يُحسب المشاهدون منذ دخولك، أما الرسائل فتُحسب قبل ذلك أيضًا بقدر ما جرى البحث في السجل.",
    inNumbers: "بالأرقام",
    minute: "الدقيقة",

    // What went wrong.
    again: (/** @type {number} */ s) => `يمكن المحاولة من جديد بعد ${duration(s)}.`,
    errors: /** @type {Record<string, string>} */ ({
      offline: "أنت غير متصل. لم يُنفَّذ شيء.",
      not_sent: "انقطع الاتصال قبل التنفيذ.",
      unsure: "انقطع الاتصال، وربما نُفِّذ ذلك أو لم يُنفَّذ.",
      no_answer: "لم يردّ الخادم.",
      rate_limited: "أنت تفعل الكثير دفعة واحدة.",
      busy: "الغرفة مشغولة جدًا حاليًا.",
      timed_out: "أنت نفسك موقوف مؤقتًا.",
      forbidden: "لا يُسمح لك بهذا: دورك ليس أعلى من دوره، أو أنه تغيّر.",
      not_found: "لم يعد ذلك موجودًا.",
      unavailable: "يتعذر على الخادم حفظ ذلك حاليًا.",
      too_long: "النص طويل جدًا.",
      empty: "ليس فيه ما يُقرأ.",
      blocked_word: "فيه كلمة غير مسموح بها هنا.",
      poll_open: "هناك استطلاع جارٍ بالفعل.",
      poll_closed: "لم يعد هناك استطلاع مفتوح.",
    }),
  };
};
