//! What the judge was shown: an object that stands in it is a quotation, not a verdict.

/// The texts a judge was given, and what it was asked.
#[derive(Debug, Clone, Default)]
pub struct JudgedMaterial {
    folded: String,
    names: Vec<String>,
}

impl JudgedMaterial {
    /// The material (response, prompt, reference, variables), and the names under which the question goes: the
    /// criterion's name and its words.
    pub fn new<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        names: impl IntoIterator<Item = &'t str>,
    ) -> Self {
        let folded = texts.into_iter().map(fold).collect::<Vec<_>>().join("\n");
        Self { folded, names: names.into_iter().map(key).filter(|n| !n.is_empty()).collect() }
    }

    /// Whether this object, or its explanation beside the same answer (`score`, `5`), stands in the material.
    pub(super) fn holds(&self, object: &str, explanation: &str, field: &str, value: &str) -> bool {
        if self.folded.is_empty() {
            return false;
        }
        let reason = fold(explanation);
        self.folded.contains(&fold(object))
            || (reason.chars().count() >= LONG
                && self.folded.contains(&reason)
                && self.folded.contains(&format!("{field}:{value}")))
    }

    /// Whether a text stands in the material.
    pub(super) fn has(&self, text: &str) -> bool {
        let folded = fold(text);
        !folded.is_empty() && self.folded.contains(&folded)
    }

    /// Whether a verdict under this name answers what was asked; any name does where nothing is known of the question.
    pub(super) fn asks(&self, criterion: &str) -> bool {
        let given = key(criterion);
        self.names.is_empty() || given.is_empty() || self.names.iter().any(|name| given.starts_with(name))
    }

    /// Whether a name is the one of what was asked: nothing is where nothing is known of the question.
    pub(super) fn is_asked(&self, name: &str) -> bool {
        let given = key(name);
        self.names.contains(&given)
    }

    /// The criterion's name, folded as [`key`] folds.
    pub(super) fn name(&self) -> Option<&str> {
        self.names.first().map(String::as_str)
    }
}

/// Characters from which on an explanation that stands in the material is no coincidence.
const LONG: usize = 16;

/// A text without white space, quotation marks and characters nobody sees, JSON escapes undone however often they were
/// made, in lower case: what is left when one text is a quotation of another.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut push = |c: char| {
        if !(c.is_whitespace()
            || c.is_control()
            || is_unseen(c)
            || "\"'`\u{201c}\u{201d}\u{2018}\u{2019}".contains(c))
        {
            out.extend(plain(c).to_lowercase());
        }
    };
    while let Some(c) = chars.next() {
        if c != '\\' {
            push(c);
            continue;
        }
        while chars.next_if_eq(&'\\').is_some() {}
        match chars.peek() {
            Some('n' | 'r' | 't' | 'b' | 'f') => _ = chars.next(),
            Some('u') => {
                chars.next();
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(char::is_ascii_hexdigit)).take(4).collect();
                if let Some(c) = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                    push(c);
                }
            }
            _ => {}
        }
    }
    out
}

/// A key or name by its letters and digits alone, look-alikes taken for what they look like.
pub(super) fn key(text: &str) -> String {
    text.chars().map(plain).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a reader does not see this character.
pub(super) fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// The letter, digit or mark of ASCII that a character looks like.
pub(super) fn plain(c: char) -> char {
    const LETTERS: &str =
        "аaсcеeоoрpхxуyіiѕsԁdһhјjѵvАAВBСCЕEНHІIКKМMОOРPЅSТTХXαaοoρpνvιiκkсcΑAΒBΕEΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXϲcгrгr";
    let n = u32::from(c);
    let from = |first: u32| char::from_u32(u32::from('0') + n - first).unwrap_or(c);
    match n {
        0x660..=0x669 => from(0x660),
        0x6f0..=0x6f9 => from(0x6f0),
        0x966..=0x96f => from(0x966),
        0xff01..=0xff5e => char::from_u32(n - 0xfee0).unwrap_or(c),
        0x2013 | 0x2014 | 0x2212 => '-',
        0x370..=0x52f => {
            let mut pairs = LETTERS.chars();
            while let (Some(alike), Some(letter)) = (pairs.next(), pairs.next()) {
                if alike == c {
                    return letter;
                }
            }
            c
        }
        _ => c,
    }
}
