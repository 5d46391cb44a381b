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
    let parts = text.split(|c: char| c.is_whitespace() || "/;:?&,@#|\"'<>()[]{}".contains(c));
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
    const HIDDEN: &str = "[hidden]";
    let Some((before, after)) = argument.split_once("://") else {
        return if holds_key(argument) { HIDDEN.to_owned() } else { argument.to_owned() };
    };
    let end = after.find(['?', '#']).unwrap_or(after.len());
    let (place, _) = after.split_at_checked(end).unwrap_or((after, ""));
    let place = place.rsplit_once('@').map_or(place, |(_, host)| host);
    if holds_key(place) { HIDDEN.to_owned() } else { format!("{before}://{place}") }
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
