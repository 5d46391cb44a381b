//! A prompt's revision and a case become the messages that a model is sent.

use crate::core::item::{Case, Subject};
use crate::core::prompt::{Settings, Template, TemplateKind};
use crate::core::template::{Parts, TemplateError};
use crate::judge::ChatMessage;
use serde_json::Value;
use std::collections::HashSet;

/// A case made into messages.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedCase {
    /// What the model is sent.
    pub messages: Vec<ChatMessage>,
    /// What the judge is shown of it.
    pub subject: Subject,
    /// Variables of the case that nothing used.
    pub unused: Vec<String>,
}

/// Why a case gives no messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A variable of the template has no value in the case.
    #[error("case '{case}' has no value for '{variable}'")]
    Missing {
        /// The case.
        case: String,
        /// The variable.
        variable: String,
    },
    /// The template fails for another reason.
    #[error("case '{case}': {why}")]
    Failed {
        /// The case.
        case: String,
        /// What the template said.
        why: String,
    },
}

/// Renders a template for a case. A text is the user's message, unless the settings say `role` (then it has that role)
/// and `input` (then the case's variable of that name follows as the user's message).
///
/// # Errors
/// When a variable has no value, or the template fails.
pub fn render_case(
    template: &Template,
    settings: &Settings,
    case: &Case,
) -> Result<RenderedCase, RenderError> {
    render_with(template, settings, case, &Parts::default())
}

/// As [`render_case`], with the prompts that the template includes.
///
/// # Errors
/// When a variable has no value, or the template or a part of it fails.
pub fn render_with(
    template: &Template,
    settings: &Settings,
    case: &Case,
    parts: &Parts,
) -> Result<RenderedCase, RenderError> {
    let failed = |why: String| RenderError::Failed { case: case.id.clone(), why };
    let word = |key: &str| settings.config.get(key).and_then(Value::as_str).filter(|w| !w.is_empty());
    let input = word("input");
    let mut used: HashSet<String> = input.map(str::to_owned).into_iter().collect();
    let mut messages = Vec::new();
    for (number, message) in template.messages().into_iter().enumerate() {
        // A model that is sent the text alone would answer another question.
        if let Some(sign) = message.more.first() {
            let why = format!("message {} holds {sign}, and runs send text only", number + 1);
            return Err(failed(why));
        }
        let asked = parts.variables(&message.content, settings.syntax).map_err(|e| failed(e.to_string()))?;
        used.extend(asked.into_iter().map(|v| v.name));
        let content = parts.render(&message.content, settings.syntax, &case.vars).map_err(
            |e: TemplateError| match e.missing() {
                Some(name) => RenderError::Missing { case: case.id.clone(), variable: name.to_owned() },
                None => failed(e.to_string()),
            },
        )?;
        messages.push(ChatMessage { role: message.role, content });
    }
    if template.kind == TemplateKind::Text
        && let Some(only) = messages.first_mut()
    {
        only.role = word("role").unwrap_or(if input.is_some() { "system" } else { "user" }).to_owned();
    }
    if let Some(name) = input {
        let content = match case.vars.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => return Err(RenderError::Missing { case: case.id.clone(), variable: name.to_owned() }),
        };
        messages.push(ChatMessage { role: "user".into(), content });
    }
    let unused = case.vars.keys().filter(|k| !used.contains(*k)).cloned().collect();
    Ok(RenderedCase { subject: subject(&messages, case), messages, unused })
}

fn subject(messages: &[ChatMessage], case: &Case) -> Subject {
    let prompt = match messages {
        [only] => only.content.clone(),
        several => {
            several.iter().map(|m| format!("[{}]\n{}", m.role, m.content)).collect::<Vec<_>>().join("\n\n")
        }
    };
    Subject {
        prompt,
        vars: case.vars.clone(),
        reference: case.reference.clone(),
        tags: case.tags.clone(),
        cluster: case.cluster.clone(),
        criterion: None,
        anchors: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn case(vars: Value) -> Case {
        serde_json::from_value(json!({"id": "c1", "vars": vars, "reference": "ref"})).unwrap()
    }

    fn settings(config: Value) -> Settings {
        Settings { config: serde_json::from_value(config).unwrap(), ..Settings::default() }
    }

    fn roles(rendered: &RenderedCase) -> Vec<(&str, &str)> {
        rendered.messages.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect()
    }

    #[test]
    fn a_text_is_the_users_message_and_nothing_is_expanded_twice() {
        let case = case(json!({"x": "{{ y }}", "y": "no"}));
        let done = render_case(&Template::text("Say {{ x }}\n"), &settings(json!({})), &case).unwrap();
        assert_eq!(roles(&done), [("user", "Say {{ y }}\n")]);
        assert_eq!(done.unused, ["y"]);
        assert_eq!(
            (done.subject.prompt.as_str(), done.subject.reference.as_deref()),
            ("Say {{ y }}\n", Some("ref"))
        );
    }

    #[test]
    fn role_and_input_say_where_texts_go() {
        let case = case(json!({"text": "hello", "n": 3}));
        let both = settings(json!({"role": "system", "input": "text"}));
        let done = render_case(&Template::text("Summarise."), &both, &case).unwrap();
        assert_eq!(roles(&done), [("system", "Summarise."), ("user", "hello")]);
        assert_eq!(done.unused, ["n"]);
        assert_eq!(done.subject.prompt, "[system]\nSummarise.\n\n[user]\nhello");
        let number = settings(json!({"input": "n"}));
        assert_eq!(
            roles(&render_case(&Template::text("S"), &number, &case).unwrap()),
            [("system", "S"), ("user", "3")]
        );
    }

    #[test]
    fn each_message_of_a_chat_is_rendered() {
        let chat = Template::chat(&json!([
            {"role": "system", "content": "You are {{ who }}."}, {"role": "user", "content": "{{ q }}"}
        ]))
        .unwrap();
        let done =
            render_case(&chat, &settings(json!({})), &case(json!({"who": "a poet", "q": "Why?"}))).unwrap();
        assert_eq!(roles(&done), [("system", "You are a poet."), ("user", "Why?")]);
        assert!(done.unused.is_empty());
    }

    #[test]
    fn what_is_no_text_is_never_left_out_in_silence() {
        let image = json!({"type": "image_url", "image_url": {"url": "x"}});
        let chat =
            Template::chat(&json!([{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]))
                .unwrap();
        let error = render_case(&chat, &settings(json!({})), &case(json!({}))).unwrap_err();
        assert!(error.to_string().contains("message 1 holds [image_url]"), "{error}");
    }

    #[test]
    fn a_missing_variable_is_named_with_its_case() {
        for (template, config) in [("{{ x }}", json!({})), ("S", json!({"input": "x"}))] {
            let error = render_case(&Template::text(template), &settings(config), &case(json!({"y": "1"})))
                .unwrap_err();
            assert_eq!(error, RenderError::Missing { case: "c1".into(), variable: "x".into() });
        }
    }
}
