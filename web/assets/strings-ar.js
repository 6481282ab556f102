// @ts-check
/** Arabic, written from right to left. Texts that depend on something are functions. */

/** @param {import("./strings.js").Tools} tools */
export default ({ number, percent, plural, time, fullTime, soon, list }) => {
  const seconds = (/** @type {number} */ s) => (s < 120
    ? plural(s, { one: "ثانية واحدة", two: "ثانيتين", few: "# ثوانٍ", many: "# ثانية", other: "# ثانية" })
    : plural(Math.ceil(s / 60), { one: "دقيقة واحدة", two: "دقيقتين", few: "# دقائق", many: "# دقيقة", other: "# دقيقة" }));

  // As what is left, not as a length of time.
  const secondsLeft = (/** @type {number} */ s) => (s < 120
    ? plural(s, { one: "ثانية واحدة", two: "ثانيتان", few: "# ثوانٍ", many: "# ثانية", other: "# ثانية" })
    : plural(Math.ceil(s / 60), { one: "دقيقة واحدة", two: "دقيقتان", few: "# دقائق", many: "# دقيقة", other: "# دقيقة" }));

  const votes = (/** @type {number} */ n) =>
    plural(n, { zero: "لا أصوات", one: "صوت واحد", two: "صوتان", few: "# أصوات", many: "# صوتًا", other: "# صوت" });

  const because = (/** @type {string} */ by, /** @type {string} */ reason) => `${by ? ` (${by})` : ""}${reason ? `: ${reason}` : "."}`;

  // Names and texts of others keep their own direction within ours.
  const own = (/** @type {string} */ text) => `\u2068${text}\u2069`;

  return {
    number,
    time,
    fullTime,

    // The room: getting in.
    chat: "دردشة مباشرة",
    joinHeading: "انضم إلى الدردشة",
    joinHint: "اترك الحقل فارغًا لتدردش بصفة ضيف.",
    nameLabel: "اسمك",
    namePlaceholder: "ضيف",
    joinButton: "انضمام",
    nameTooLong: (/** @type {number} */ most) =>
      `لا يزيد طول الاسم عن ${plural(most, { one: "حرف واحد", two: "حرفين", few: "# أحرف", many: "# حرفًا", other: "# حرف" })}.`,
    cancel: "إلغاء",
    chattingAs: "تدردش باسم",
    changeName: "تغيير الاسم",
    pageTitle: (/** @type {string} */ room, /** @type {number} */ unread) => `${unread ? `(${number(unread)}) ` : ""}${own(room)} · دردشة مباشرة`,
    noRoom: "لم تُحدَّد أي غرفة هنا.",

    // The room: the connection.
    connecting: "جارٍ الاتصال…",
    live: "مباشر",
    reconnecting: "جارٍ إعادة الاتصال…",
    reconnectingIn: (/** @type {number} */ s) => `إعادة الاتصال خلال ${number(s)} ث`,
    reconnected: "لقد عدت إلى الدردشة.",
    retryNow: "حاول الآن",
    joinAgain: "انضم من جديد",
    notJoined: "لم تنضم بعد",
    waits: /** @type {Record<string, string>} */ ({
      shutdown: "يُعاد تشغيل الخادم الآن.",
      restart: "يُعاد تشغيل الخادم الآن.",
      full: "الغرفة ممتلئة حاليًا.",
      too_slow: "لم يتمكن اتصالك من المواكبة.",
      flooding: "أُرسلت رسائل كثيرة بسرعة زائدة.",
      busy: "الغرفة مشغولة حاليًا.",
      not_accepting: "لا يسمح الخادم بدخول أحد حاليًا.",
      unavailable: "الخادم مشغول حاليًا.",
      rate_limited: "أُرسل الكثير بسرعة زائدة.",
      no_token: "تعذر تجديد تذكرتك لهذه الغرفة.",
      lost: "انقطع الاتصال.",
    }),
    tokenRefused: "لم تعد تذكرتك لهذه الغرفة صالحة. أعد تحميل الصفحة التي أتيت منها.",
    closed: /** @type {Record<string, string>} */ ({
      no_join: "طال انتظار الغرفة لهذه الصفحة.",
      unauthorized: "هذه الغرفة غير مفتوحة للضيوف.",
      forbidden: "لا يُسمح لك بدخول هذه الغرفة.",
      banned: "أنت محظور من هذه الغرفة.",
      removed: "أخرجك أحد المشرفين من هذه الغرفة.",
      room_closed: "هذه الغرفة مغلقة.",
      replaced: "الدردشة مفتوحة في أماكن كثيرة جدًا، فأُغلقت هنا.",
      credit: "نفد رصيدك لهذه الغرفة.",
      other: "أنهى الخادم الاتصال.",
    }),
    closedState: "مغلقة",

    // The room: its messages.
    logLabel: "الرسائل",
    logHint: "تختار رسالة بمفاتيح الأسهم، وتردّ عليها بمفتاح الإدخال، ويعرض المفتاح M ما يمكن فعله بها أيضًا.",
    empty: "لا توجد رسائل بعد. ألقِ التحية!",
    reply: "ردّ",
    actionOn: (/** @type {string} */ action, /** @type {string} */ name) => `${action}: ${own(name)}`,
    moreActions: "المزيد",
    removeMessage: "إزالة الرسالة",
    replyingTo: "ردًا على",
    cancelReply: "إلغاء الرد",
    showOriginal: "عرض الرسالة التي يُردّ عليها هنا",
    earlierMessage: "رسالة سابقة",
    removed: "أُزيلت الرسالة",
    announcement: "إعلان",
    announcementAll: "إعلان لجميع الغرف",
    roles: /** @type {Record<string, string>} */ ({ producer: "المنتج", moderator: "مشرف", platform: "رسمي", member: "عضو" }),
    platformName: "المنصة",
    newMessages: (/** @type {number} */ n) =>
      plural(n, { one: "رسالة جديدة", two: "رسالتان جديدتان", few: "# رسائل جديدة", many: "# رسالة جديدة", other: "# رسالة جديدة" }),
    toNewest: "أحدث الرسائل",
    skipped: (/** @type {number} */ n) =>
      plural(n, { one: "تم تخطي رسالة واحدة", two: "تم تخطي رسالتين", few: "تم تخطي # رسائل", many: "تم تخطي # رسالة", other: "تم تخطي # رسالة" }) +
      " لأن الاتصال لم يتمكن من المواكبة.",
    missed: "غبت لبعض الوقت. هذه أحدث الرسائل.",
    newLog: "فُتحت الغرفة من جديد. لم تعد الرسائل السابقة موجودة.",
    cleared: (/** @type {string} */ by) => (by ? `تم مسح الدردشة (${own(by)}).` : "تم مسح الدردشة."),
    settings: {
      title: (/** @type {string} */ v) => (v ? `العنوان الآن: «${own(v)}».` : "أُزيل العنوان."),
      slow_mode: (/** @type {number} */ v) => (v ? `الوضع البطيء مفعّل: رسالة واحدة كل ${seconds(v)}.` : "الوضع البطيء متوقف."),
      members_only: (/** @type {boolean} */ v) => (v ? "الدردشة للأعضاء فقط الآن." : "يمكن للجميع الدردشة من جديد."),
      emotes_only: (/** @type {boolean} */ v) => (v ? "لا يمكن إرسال غير الرموز التعبيرية الآن." : "جميع الرسائل مرحب بها من جديد."),
      unique: (/** @type {boolean} */ v) => (v ? "لا يمكن الآن إرسال الرسالة نفسها مرتين متتاليتين." : "يمكن تكرار الرسائل من جديد."),
      pinned: (/** @type {number|null} */ v) => (v ? "ثُبّتت رسالة." : "لم تعد هناك رسالة مثبتة."),
    },
    pinned: "مثبتة:",
    pinnedText: (/** @type {string} */ name, /** @type {string} */ text) => (name ? `${own(name)}: ${own(text)}` : text),
    sanction: /** @type {Record<string, (name: string, by: string, until: number, reason: string) => string>} */ ({
      timeout: (name, by, until, reason) => `لا يمكن لـ${own(name)} الدردشة حتى ${soon(until)}${because(by, reason)}`,
      ban: (name, by, until, reason) => `تم حظر ${own(name)}${until ? ` حتى ${fullTime(until)}` : ""}${because(by, reason)}`,
      unban: (name, by, _, reason) => `يمكن لـ${own(name)} الدردشة هنا من جديد${because(by, reason)}`,
    }),
    somebody: "أحدهم",
    poll: (/** @type {string} */ question, /** @type {string[]} */ options) => `استطلاع: ${own(question)} (${options.map(own).join(" · ")})`,
    pollClosed: (/** @type {string} */ question, /** @type {string[]} */ options, /** @type {number[]} */ votes) =>
      `انتهى الاستطلاع: ${own(question)} (${options.map((option, i) => `${own(option)}: ${number(votes[i] ?? 0)}`).join(" · ")})`,
    tip: (/** @type {string} */ name, /** @type {number} */ amount, /** @type {string} */ currency, /** @type {string} */ text) =>
      `إكرامية من ${own(name)}: ${number(amount)} ${own(currency)}${text ? ` – ${own(text)}` : "."}`,
    whisper: "همسة",
    whispersTo: (/** @type {string} */ to) => `همسة إلى ${own(to)}`,
    whisperingTo: "همسة إلى",
    react: "تفاعل",
    reaction: (/** @type {string} */ emoji, /** @type {number} */ n) =>
      plural(n, { one: `${emoji} تفاعل واحد`, two: `${emoji} تفاعلان`, few: `${emoji} # تفاعلات`, many: `${emoji} # تفاعلًا`, other: `${emoji} # تفاعل` }) + ". تفاعل أيضًا",
    deleteOwn: "حذف",
    loadingOlder: "جارٍ تحميل رسائل سابقة…",
    beginning: "هنا تبدأ الدردشة.",
    hidePoll: "إخفاء الاستطلاع",
    pollShare: (/** @type {number} */ share, /** @type {number} */ n) => `${percent(share)} · ${number(n)}`,
    pollOpen: (/** @type {number} */ n, /** @type {number} */ s) => `${votes(n)} · ${s ? `بقي ${secondsLeft(s)}` : "يوشك على الانتهاء"}`,
    pollOver: (/** @type {number} */ n) => `${votes(n)} · انتهى الاستطلاع.`,
    modes: {
      slow_mode: (/** @type {number} */ v) => `الوضع البطيء: ${seconds(v)}`,
      members_only: () => "للأعضاء فقط",
      emotes_only: () => "رموز تعبيرية فقط",
    },

    // The room: writing.
    messageLabel: "الرسالة",
    messagePlaceholder: "قل شيئًا",
    send: "إرسال",
    sending: "جارٍ الإرسال…",
    sendingLater: "في انتظار الاتصال…",
    seconds: (/** @type {number} */ s) => `${number(s)} ث`,
    insertEmoji: "إدراج رمز تعبيري",
    sendAgain: "إعادة الإرسال",
    discard: "تجاهل",
    charactersLeft: (/** @type {number} */ n) => (n < 0
      ? plural(-n, { one: "حرف واحد زائد", two: "حرفان زائدان", few: "# أحرف زائدة", many: "# حرفًا زائدًا", other: "# حرف زائد" })
      : plural(n, { zero: "لم يبقَ أي حرف", one: "بقي حرف واحد", two: "بقي حرفان", few: "بقيت # أحرف", many: "بقي # حرفًا", other: "بقي # حرف" })),
    tooManyLines: (/** @type {number} */ most) =>
      `لا تزيد الرسالة عن ${plural(most, { one: "سطر واحد", two: "سطرين", few: "# أسطر", many: "# سطرًا", other: "# سطر" })}.`,
    again: (/** @type {number} */ s) => `يمكنك الإرسال من جديد بعد ${seconds(s)}.`,
    errors: /** @type {Record<string, string>} */ ({
      offline: "أنت غير متصل. تبقى رسالتك هنا إلى أن يعود الاتصال.",
      not_sent: "لم تُرسل رسالتك قبل انقطاع الاتصال.",
      unsure: "انقطع الاتصال، وربما وصلت رسالتك أو لم تصل.",
      no_answer: "لم يردّ الخادم.",
      too_long: "رسالتك طويلة جدًا.",
      rate_limited: "أنت ترسل بسرعة زائدة.",
      busy: "الغرفة مشغولة جدًا حاليًا.",
      slow_mode: "الوضع البطيء مفعّل.",
      duplicate: "لقد قلت الشيء نفسه للتو.",
      members_only: "الدردشة للأعضاء فقط حاليًا.",
      emotes_only: "لا يمكن إرسال غير الرموز التعبيرية حاليًا.",
      guests_read_only: "يمكن للضيوف القراءة هنا، لا الدردشة.",
      timed_out: "أوقفك أحد المشرفين عن الدردشة مؤقتًا.",
      blocked_word: "في رسالتك كلمة غير مسموح بها هنا.",
      not_found: "لم تعد الرسالة التي رددت عليها موجودة.",
      unavailable: "تعذر حفظ رسالتك.",
      forbidden: "لا يُسمح لك بهذا هنا.",
      unauthorized: "لم تسجل الدخول هنا.",
      banned: "أنت محظور من هذه الغرفة.",
      bad_name: "غيّر اسمك من فضلك: حتى 25 حرفًا ظاهرًا، وبينها مسافات مفردة.",
      empty: "ليس في رسالتك ما يُقرأ.",
      poll_open: "هناك استطلاع جارٍ بالفعل.",
      poll_closed: "انتهى هذا الاستطلاع.",
      tip_refused: "لم تُقبل إكراميتك.",
      internal: "حدث خطأ في الخادم. حاول مرة أخرى.",
    }),
    otherError: "لم تُقبل رسالتك.",

    // The room: who is in it.
    people: "الحاضرون",
    peopleLabel: (/** @type {number} */ n) => `عدد الحاضرين ${number(n)}. عرضهم`, // as shown, in digits: it is also called by that
    watching: (/** @type {number} */ n) =>
      plural(n, { one: "مشاهد واحد", two: "مشاهدان", few: "# مشاهدين", many: "# مشاهدًا", other: "# مشاهد" }),
    closePeople: "إغلاق قائمة الحاضرين",
    searchPeople: "ابحث بالاسم",
    searchLabel: "ابحث عمّن يبدأ اسمه بـ",
    nobody: "لا أحد هنا بهذا الاسم.",
    morePeople: (/** @type {number} */ n) => `و${number(n)} آخرون`,
    peopleOffline: "تعود القائمة مع عودة الاتصال.",
    you: "أنت",
    mention: "إشارة",
    names: list,
  };
};
