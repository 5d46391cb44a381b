//! What reads like a key: such a text is refused where an address or a name is asked for, before it is stored or shown.
//!
//! Known beginnings only: an account's number or a long name of a model is no secret, and a guess from how random a word
//! looks would refuse them.

/// How the keys of well-known services begin.
const BEGINNINGS: [&str; 25] = [
    "sk-",
    "sk_",
    "pk_live",
    "rk_",
    "xai-",
    "gsk_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "hf_",
    "AIza",
    "AKIA",
    "ASIA",
    "ya29.",
    "eyJ",
    "pplx-",
    "nvapi-",
    "r8_",
    "csk-",
    "fw_",
    "tgp_",
    "xoxb-",
    "xoxp-",
];

/// What stands where a key stood.
const HIDDEN: &str = "[hidden]";

/// What follows a key's beginning is at least this long, in characters.
const REST: usize = 8;

/// Names of fields whose value is a secret.
const FIELDS: [&str; 12] = [
    "key", "api_key", "api-key", "apikey", "token", "secret", "password", "passwd", "pwd", "sig", "auth",
    "code",
];

/// Whether a word reads like a key.
pub fn is_key_like(word: &str) -> bool {
    let whole = |rest: &str| {
        rest.chars().count() >= REST
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~+/=".contains(c))
    };
    BEGINNINGS.iter().any(|begin| word.strip_prefix(begin).is_some_and(whole))
}

/// Whether a text (a path, the name of a model) holds a word that reads like a key, or a field such as `key=...`.
pub fn holds_key(text: &str) -> bool {
    let parts = text.split(is_between);
    let mut parts = parts.filter(|part| !part.is_empty());
    parts.any(|part| {
        let value = part.split_once('=').map(|(name, value)| (name.to_ascii_lowercase(), value));
        let field = |(name, value): (String, &str)| {
            !value.is_empty() && (FIELDS.contains(&name.as_str()) || is_key_like(value))
        };
        is_key_like(part) || value.is_some_and(field)
    })
}

/// A name that was given and is not known, as a message may repeat it: not where it may hold a secret.
pub fn shown_name(name: &str) -> String {
    let hides = name.contains("://") || name.contains('@') || holds_key(name);
    if hides { "(not repeated: it may hold a secret)".to_owned() } else { format!("'{name}'") }
}

/// An argument as a message about the command line may repeat it: of an address, origin and path are all that is shown.
pub fn shown_argument(argument: &str) -> String {
    let Some((before, after)) = argument.split_once("://") else {
        return if holds_key(argument) { HIDDEN.to_owned() } else { argument.to_owned() };
    };
    let end = after.find(['?', '#']).unwrap_or(after.len());
    let (place, _) = after.split_at_checked(end).unwrap_or((after, ""));
    let place = place.rsplit_once('@').map_or(place, |(_, host)| host);
    if holds_key(place) { HIDDEN.to_owned() } else { format!("{before}://{place}") }
}

/// What separates words in which a key is looked for.
fn is_between(c: char) -> bool {
    c.is_whitespace() || "/;:?&,@#|\"'<>()[]{}".contains(c)
}

/// Names that a key follows after a colon, as in a header or in JSON.
const BEFORE: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "api_key",
    "api-key",
    "apikey",
    "x-api-key",
    "x-goog-api-key",
    "password",
    "secret",
];

/// A text without what reads like a key: words that begin as keys do, values of secret fields, what follows a header's name or
/// `Bearer`, and what stands before the host of an address.
pub fn redacted(text: &str) -> String {
    let text = without_users(text);
    let mut out = String::with_capacity(text.len());
    // Whether the next word is a secret, whatever it looks like.
    let mut follows = false;
    for part in text.split_inclusive(is_between) {
        let between = part.chars().next_back().filter(|c| is_between(*c));
        let word = between.and_then(|c| part.strip_suffix(c)).unwrap_or(part);
        let lower = word.to_ascii_lowercase();
        let (name, value) = word.split_once('=').unwrap_or(("", ""));
        if lower == "bearer" || lower == "basic" {
            out.push_str(word);
            follows = between == Some(' ');
        } else if !word.is_empty() && (follows || is_key_like(word)) {
            out.push_str(HIDDEN);
            follows = false;
        } else if !value.is_empty()
            && (FIELDS.contains(&name.to_ascii_lowercase().as_str()) || is_key_like(value))
        {
            out.push_str(name);
            out.push('=');
            out.push_str(HIDDEN);
        } else {
            out.push_str(word);
            follows = follows && word.is_empty()
                || BEFORE.contains(&lower.as_str()) && between.is_some_and(|c| c != ' ');
        }
        out.extend(between);
    }
    out
}

/// Addresses without `user:password@`.
fn without_users(text: &str) -> String {
    let mut parts = text.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("://");
        let end = part.find(|c: char| c.is_whitespace() || "/?#\"'".contains(c)).unwrap_or(part.len());
        let (place, rest) = part.split_at_checked(end).unwrap_or((part, ""));
        out.push_str(place.rsplit_once('@').map_or(place, |(_, host)| host));
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_names() {
        for key in ["sk-proj-0123456789", "AIzaSyA0123456789", "eyJhbGciOi.J9.x-y", "ghp_0123456789abcdef"] {
            assert!(is_key_like(key) && holds_key(&format!("/v1/{key}/x")), "{key}");
            assert!(holds_key(&format!("m;x={key}")), "{key}");
        }
        for field in ["key=a", "a;token=b", "v1?api-key=c", "x&SIG=1"] {
            assert!(holds_key(field), "{field}");
        }
        for name in [
            "gpt-4o-mini",
            "sk-",
            "skill-tuned-7b-instruct",
            "meta-llama/Llama-3.1-8B-Instruct",
            "/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/v1",
            "/openai/deployments/key-facts",
            "hf_small",
            "eyJ",
            "tokens=",
        ] {
            assert!(!holds_key(name), "{name}");
        }
    }

    #[test]
    fn what_reads_like_a_key_is_taken_out() {
        for (text, want) in [
            ("no model 'gpt-4o-mini' at https://h/v1", "no model 'gpt-4o-mini' at https://h/v1"),
            ("wrong key sk-0123456789.", "wrong key [hidden]"),
            ("key=abc", "key=[hidden]"),
            ("http://h/v1?key=1&x=2", "http://h/v1?key=[hidden]&x=2"),
            ("http://u:pw@h/v1", "http://h/v1"),
            ("Authorization: Bearer 0123abcd", "Authorization: Bearer [hidden]"),
            ("{\"api_key\": \"0123 abcd\"}", "{\"api_key\": \"[hidden] abcd\"}"),
            ("x-api-key: 0123abcd, next", "x-api-key: [hidden], next"),
            ("no password is needed", "no password is needed"),
            ("ms=12 tokens=40", "ms=12 tokens=40"),
        ] {
            assert_eq!(redacted(text), want);
        }
    }

    #[test]
    fn what_is_shown_of_an_argument_is_origin_and_path() {
        for (argument, shown) in [
            ("--judge=http://user:sk-0123456789@h/v1#m", "--judge=http://h/v1"),
            ("https://h/v1?key=1", "https://h/v1"),
            ("https://u@p@h/v1", "https://h/v1"),
            ("https://h/sk-0123456789/v1", "[hidden]"),
            ("sk-0123456789", "[hidden]"),
            ("prompts/tone@production", "prompts/tone@production"),
        ] {
            assert_eq!(shown_argument(argument), shown);
        }
        assert_eq!(shown_name("main"), "'main'");
        for name in ["HTTP://user:pw@h", "user:pw@h", "sk-0123456789"] {
            assert!(!shown_name(name).contains(name), "{name}");
        }
    }
}
