//! (in work)
use super::super::{
    env::Env,
    keys::{Action, Scope},
    msg::Ticket,
    query::Reply,
};
use super::{Cx, Screen, Tab};
use ratatui::{buffer::Buffer, layout::Rect};
/// stub
#[derive(Default)]
pub struct Review {}
impl Review {
    /// x
    pub fn new(_r: impl Into<String>) -> Self {
        Self {}
    }
}
impl Screen for Review {
    fn scope(&self) -> Scope {
        Scope::Review
    }
    fn tab(&self) -> Tab {
        Tab::Review
    }
    fn open(&mut self, _cx: &mut Cx) {}
    fn act(&mut self, _a: Action, _cx: &mut Cx) -> bool {
        false
    }
    fn reply(&mut self, _t: Ticket, _r: &Result<Reply, String>, _cx: &mut Cx) -> bool {
        false
    }
    fn draw(&mut self, _area: Rect, _buf: &mut Buffer, _env: &Env) {}
    fn hints(&self) -> Vec<Action> {
        vec![]
    }
    fn title(&self) -> String {
        "Review".into()
    }
}
