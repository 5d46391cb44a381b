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
pub struct Compare {}
impl Compare {
    /// x
    pub fn new(_r: impl Into<String>) -> Self {
        Self {}
    }
}
impl Screen for Compare {
    fn scope(&self) -> Scope {
        Scope::Compare
    }
    fn tab(&self) -> Tab {
        Tab::Runs
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
        "Compare".into()
    }
}
