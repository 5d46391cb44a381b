//! A registry in twelve scripts: prompts with a history, and judged items, as users of them write.

use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::core::prompt::Template;
use assize::store::{NewRevision, Store};
use std::path::{Path, PathBuf};

/// Name, two lines that each revision has, and one that the second revision has otherwise.
pub const TEXTS: [(&str, [&str; 2], [&str; 2]); 13] = [
    (
        "ar",
        ["لخّص النص التالي في ثلاث جمل قصيرة.", "لا تُضِف رأيًا، ولا سلامًا."],
        ["اكتب للأطفال.", "اكتب لأهل العلم."],
    ),
    (
        "bn",
        ["নিচের লেখাটি তিনটি বাক্যে সংক্ষেপে লেখো।", "কোনো মতামত যোগ করো না।"],
        ["শিশুদের জন্য লেখো।", "শিক্ষকদের জন্য লেখো।"],
    ),
    (
        "el",
        ["Σύνοψε το κείμενο σε τρεις προτάσεις.", "Μην προσθέτεις γνώμη."],
        ["Γράψε απλά.", "Γράψε επίσημα."],
    ),
    (
        "emoji",
        ["Answer with one of 👍🏽 👎 🤷‍♀️ and a reason ❤️.", "1️⃣ read 2️⃣ think 3️⃣ write ⌚︎ ℹ️ \u{1fae9}"],
        ["For 👨‍👩‍👧‍👦 and 🏳️‍🌈.", "For 👩🏽‍💻 and 🇯🇵 🏴󠁧󠁢󠁥󠁮󠁧󠁿."],
    ),
    (
        "en",
        ["Summarise the text in three short sentences.", "Add no opinion and keep the names."],
        ["Write for children.", "Write for experts."],
    ),
    ("he", ["סַכֵּם את הטקסט בשלושה משפטים.", "אל תוסיף דעה."], ["כתוב לילדים.", "כתוב למומחים."]),
    (
        "hi",
        ["नीचे दिए गए पाठ का तीन वाक्यों में सारांश लिखिए।", "स्त्री और पुरुष दोनों के लिए, क्‍ष सहित।"],
        ["बच्चों के लिए लिखिए।", "विद्वानों के लिए लिखिए।"],
    ),
    (
        "ja",
        ["次の文章を三つの短い文で要約してください。", "ﾊﾝｶｸ ｶﾞｷﾞｸﾞ ﾊﾟﾋﾟ と か\u{3099} も残す。"],
        ["子供向けに書く。", "専門家向けに書く。"],
    ),
    ("km", ["សូមសង្ខេបអត្ថបទខាងក្រោមជាបីប្រយោគ។", "កុំបន្ថែមយោបល់ ខ្មែរ។"], ["សរសេរសម្រាប់កុមារ។", "សរសេរសម្រាប់គ្រូ។"]),
    (
        "ko",
        ["다음 글을 세 문장으로 요약하세요.", "의견을 더하지 마세요. 한글"],
        ["아이를 위해 쓰세요.", "전문가를 위해 쓰세요."],
    ),
    (
        "my",
        ["အောက်ပါစာကို ဝါကျသုံးကြောင်းဖြင့် အကျဉ်းချုပ်ပါ။", "မြန်မာ ကျွေး ကာ"],
        ["ကလေးများအတွက် ရေးပါ။", "ဆရာများအတွက် ရေးပါ။"],
    ),
    (
        "ta",
        ["கீழே உள்ள உரையை மூன்று வாக்கியங்களில் சுருக்குக.", "கருத்து சேர்க்காதே; கா கொ கி കാ ಕಾ."],
        ["குழந்தைகளுக்கு எழுது.", "அறிஞர்களுக்கு எழுது."],
    ),
    ("th", ["สรุปข้อความต่อไปนี้เป็นสามประโยค", "ห้ามเพิ่มความเห็น น้ำ ກຳ"], ["เขียนให้เด็กอ่าน", "เขียนให้ครูอ่าน"]),
];

fn text(name: &str, lines: &[&str; 2], last: &str) -> String {
    format!("# {name}\n\n{}\n{} {{{{ input }}}}\n\n{}\n{last}\n", lines[0], lines[1], lines.concat())
}

/// Makes it.
pub fn registry(dir: &Path) -> PathBuf {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let mut rows = Vec::new();
    for (name, lines, last) in &TEXTS {
        for (n, last) in last.iter().enumerate() {
            rows.push(NewRevision {
                created_at: Some(format!("2025-12-0{}T00:00:00Z", n + 1)),
                message: Some(lines[n].into()),
                ..NewRevision::new(name.parse().unwrap(), Template::text(text(name, lines, last)))
            });
        }
    }
    store.import_revisions(rows).unwrap();
    let item = |(name, lines, last): &(&str, [&str; 2], [&str; 2])| Item {
        id: (*name).into(),
        arm: "base".into(),
        response: text(name, lines, last[1]),
        subject: Subject {
            prompt: lines.join(" "),
            vars: serde_json::Map::new(),
            reference: Some(last[0].into()),
            tags: vec![],
            cluster: None,
            criterion: Some(format!("Is it short? {}", last[0])),
            anchors: None,
        },
        verdicts: vec![ImportedVerdict {
            label: None,
            criterion: format!("Is it short? {}", last[0]),
            judge: "gpt".into(),
            repeat: 0,
            score: Some(4),
            explanation: format!("{} {}", last[1], lines[1]),
            state: None,
            reply: None,
        }],
    };
    store.import_items("scripts", TEXTS.iter().map(item).collect()).unwrap();
    path
}

/// Keys through Prompts, History, Diff, the run's grid, Item and Review, and back; Ctrl-L is none of them.
pub fn walk() -> Vec<&'static str> {
    let prompts = TEXTS.len();
    let mut keys = vec!["j"; prompts - 1];
    keys.extend(["k", "k", "k", "k", "g", "j", "j", "j"]);
    // Each prompt's difference, from one to the next.
    for _ in 3..prompts {
        keys.extend(["Enter", "d", "w", "w", "q", "q", "j"]);
    }
    keys.extend(["2", "Enter", "j", "j", "Enter"]);
    keys.extend(vec!["n"; prompts - 3]);
    keys.extend(["N", "N", "q", "q", "3"]);
    keys.extend(vec!["s"; prompts - 1]);
    keys.extend(["1", "k", "k"]);
    keys
}
