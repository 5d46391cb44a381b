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
pub struct Trends {}
impl Screen for Trends {
    fn scope(&self) -> Scope {
        Scope::Trends
    }
    fn tab(&self) -> Tab {
        Tab::Trends
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
        "Trends".into()
    }
}
