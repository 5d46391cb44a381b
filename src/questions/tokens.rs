//! How long is a prompt?
//!
//! The tokens of the text, or of the contents of a chat's messages. What a chat format puts around messages is told apart
//! (`core::context::Usage::total`): it belongs to a request, not to the prompt.

use crate::core::prompt::{Template, TemplateKind};
use crate::core::tokens;

/// Tokens by the offline tokenizer ([`tokens::TOKENIZER`]). Takes some ten milliseconds a megabyte: not on the screens' loop.
pub fn of(template: &Template) -> usize {
    match template.kind {
        TemplateKind::Text => tokens::count(&template.body),
        TemplateKind::Chat => template.messages().iter().map(|m| tokens::count(&m.content)).sum(),
    }
}

/// The same, if that takes no time.
pub fn at_once(template: &Template) -> Option<usize> {
    match template.kind {
        TemplateKind::Text => tokens::count_at_once(&template.body),
        TemplateKind::Chat => template.messages().iter().map(|m| tokens::count_at_once(&m.content)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_chats_tokens_are_those_of_its_contents_by_either_way() {
        let chat = json!([{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Sum up {{ x }}"}]);
        let chat = Template::chat(&chat).unwrap();
        let contents = tokens::count("You are terse.") + tokens::count("Sum up {{ x }}");
        assert_eq!((of(&chat), at_once(&chat)), (contents, Some(contents)));
        assert!(contents < tokens::count(&chat.body));
        let text = Template::text("You are terse.");
        assert_eq!((of(&text), at_once(&text)), (tokens::count("You are terse."), Some(of(&text))));
    }
}
