//! (in work)
use super::super::{env::Env, msg::Ticket, query::{Reply, Spot}, screen::Cx};
use crossterm::event::KeyEvent;
use ratatui::{buffer::Buffer, layout::Rect};
/// stub
#[derive(Debug, Clone)]
pub struct Choices {}
/// stub
pub fn choices(_s: &crate::store::Store, _c: &crate::config::Config) -> crate::store::Result<Choices> { Ok(Choices {}) }
/// stub
pub enum Outcome { /// stub
    Stay, /// stub
    Close }
/// stub
pub struct PlanDialog {}
impl PlanDialog {
    /// stub
    pub fn new(_s: Vec<Spot>, _cx: &mut Cx) -> Self { Self {} }
    /// stub
    pub fn key(&mut self, _e: &KeyEvent, _cx: &mut Cx) -> Outcome { Outcome::Close }
    /// stub
    pub fn reply(&mut self, _t: Ticket, _r: &Result<Reply, String>, _cx: &mut Cx) -> bool { false }
    /// stub
    pub fn draw(&mut self, _a: Rect, _b: &mut Buffer, _e: &Env) {}
}
