//! Replies that decline in words, in the languages of the larger models' users.

/// How a reply that declines begins.
const BEGINNINGS: [&str; 51] = [
    "i'm sorry",
    "i am sorry",
    "sorry, but",
    "sorry, i",
    "i cannot",
    "i can't",
    "i can not",
    "i'm unable",
    "i am unable",
    "i won't",
    "i will not",
    "i'm not able",
    "i am not able",
    "i must decline",
    "i apologize",
    "i apologise",
    "as an ai",
    "unfortunately, i c",
    "es tut mir leid",
    "tut mir leid",
    "ich kann ",
    "leider kann ich",
    "je suis d\u{e9}sol",
    "d\u{e9}sol\u{e9}",
    "je ne peux pas",
    "lo siento",
    "no puedo",
    "lamento",
    "desculpe",
    "n\u{e3}o posso",
    "sinto muito",
    "mi dispiace",
    "non posso",
    "het spijt me",
    "przepraszam",
    "nie mog\u{119}",
    "\u{fc}zg\u{fc}n\u{fc}m",
    "\u{438}\u{437}\u{432}\u{438}\u{43d}\u{438}\u{442}\u{435}",
    "\u{44f} \u{43d}\u{435} \u{43c}\u{43e}\u{433}\u{443}",
    "\u{43a} \u{441}\u{43e}\u{436}\u{430}\u{43b}\u{435}\u{43d}\u{438}\u{44e}, \u{44f}",
    "\u{62d}\u{5e1}",
    "\u{622}\u{633}\u{641}",
    "\u{639}\u{630}\u{631}\u{627}",
    "\u{915}\u{94d}\u{937}\u{92e}\u{93e}",
    "\u{6211}\u{65e0}\u{6cd5}",
    "\u{6211}\u{4e0d}\u{80fd}",
    "\u{62b1}\u{6b49}",
    "\u{5f88}\u{62b1}\u{6b49}",
    "\u{5bf9}\u{4e0d}\u{8d77}",
    "\u{7533}\u{3057}\u{8a33}",
    "\u{c8c4}\u{c1a1}",
];

/// The longest reply that is taken for one, in characters: who explains at length may have judged all the same.
const LONGEST: usize = 600;

/// Whether a reply declines in words: it holds no object, is short, and begins as those do.
pub fn is_refusal(reply: &str) -> bool {
    let text = reply.trim().trim_start_matches(['"', '*', '#', '>', ' ']);
    if text.contains('{') || text.chars().count() > LONGEST || super::prose::read_prose(text).is_some() {
        return false;
    }
    let start: String = text.chars().take(40).flat_map(char::to_lowercase).collect();
    let start = start.replace('\u{2019}', "'");
    BEGINNINGS.iter().any(|begin| start.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_declines_is_told_from_one_that_judges() {
        for reply in [
            "I'm sorry, but I can't assist with that request.",
            "I\u{2019}m sorry, I cannot help.",
            "Es tut mir leid, dabei kann ich nicht helfen.",
            "D\u{e9}sol\u{e9}, je ne peux pas r\u{e9}pondre.",
            "Lo siento, no puedo ayudar con eso.",
            "\u{62b1}\u{6b49}\u{ff0c}\u{6211}\u{65e0}\u{6cd5}\u{56de}\u{7b54}\u{3002}",
            "\u{7533}\u{3057}\u{8a33}\u{3042}\u{308a}\u{307e}\u{305b}\u{3093}\u{304c}\u{3001}\u{304a}\u{7b54}\u{3048}\u{3067}\u{304d}\u{307e}\u{305b}\u{3093}\u{3002}",
            "\u{c8c4}\u{c1a1}\u{d569}\u{b2c8}\u{b2e4}.",
        ] {
            assert!(is_refusal(reply), "{reply}");
        }
        for reply in [
            "The response says \"I'm sorry\" and gives no answer.",
            "Sorry, I lost the thread. {\"score\":4}",
            "I cannot fault it: a score of 5.",
            "Clear and right.",
            "",
        ] {
            assert!(!is_refusal(reply), "{reply}");
        }
    }
}
