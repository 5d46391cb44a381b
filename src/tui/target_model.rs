//! Which model a prompt is for: its window, the room for an answer, its price.

use super::session::Env;
use crate::core::context::Window;
use crate::store::RevisionInfo;

/// A model that would read the prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetModel {
    /// Its name in the config, else the model's own.
    pub name: String,
    /// How much it takes, where that is known.
    pub window: Option<Window>,
    /// Tokens kept for the answer.
    pub room: u64,
    /// USD per million tokens read.
    pub price_in: Option<f64>,
}

impl TargetModel {
    /// The model named in the revision's settings (`model`), else the `at`-th of the configured ones, in their order.
    pub fn of(env: &Env, info: Option<&RevisionInfo>, at: usize) -> Option<Self> {
        let wanted = info.and_then(|i| i.config.get("model")).and_then(serde_json::Value::as_str);
        let models = &env.config.models;
        let found = match wanted {
            Some(wanted) => models.get(wanted).or_else(|| models.values().find(|m| m.model == wanted)),
            None => models.values().nth(at % models.len().max(1)),
        };
        if let Some(model) = found {
            let window = model.context_window.map(Window::configured);
            return Some(Self {
                name: model.name.clone(),
                window: window.or_else(|| Window::of_model(&model.model)),
                room: model.max_tokens.into(),
                price_in: model.price_in,
            });
        }
        let name = wanted?.to_owned();
        Some(Self { window: Window::of_model(&name), name, room: 0, price_in: None })
    }
}
