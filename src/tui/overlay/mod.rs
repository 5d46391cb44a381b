//! What lies on top of a screen: help, the palette, a field, a confirmation, the plan dialog.
//!
//! A layer takes all keys while it is open. Esc always closes it.

use crate::core::text;
use crate::tui::context::Context;
use crate::tui::draw_text::{put, put_cut, put_right, seg, select};
use crate::tui::keys::{Action, KeyScope, Keymap, TABLE, by_place};
use crate::tui::model::Ticket;
use crate::tui::route::Purpose;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::cursor::Cursor;
use crate::tui::widget::frame::{blank, content, draw_field, field, window};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui_textarea::TextArea;

pub mod plan;

/// Something on top.
pub enum Layer {
    /// Lines to read: help.
    Lines {
        /// The heading.
        title: String,
        /// Left and right words of each line; a line without a right side is a heading.
        lines: Vec<(String, String)>,
        /// Which rows are in sight.
        cursor: Cursor,
        /// How many rows the lines took when last drawn: a long one is wrapped.
        rows: usize,
    },
    /// Every action by name.
    Palette(Box<Palette>),
    /// One line to be typed.
    Input(Box<InputLine>),
    /// A question answered by `y`.
    Confirm {
        /// The question.
        question: String,
        /// What it is for.
        purpose: Purpose,
    },
    /// What a run would do.
    Plan(Box<plan::PlanDialog>),
}

/// A one-line field at the bottom.
pub struct InputLine {
    title: String,
    hint: String,
    purpose: Purpose,
    area: TextArea<'static>,
}

/// The palette's state.
pub struct Palette {
    area: TextArea<'static>,
    all: Vec<(Action, String, String)>,
    cursor: Cursor,
}

/// What a key did to a layer.
#[derive(Debug, PartialEq, Eq)]
pub enum LayerOutcome {
    /// It stays open.
    Stay,
    /// It closes, and nothing more happens.
    Close,
    /// It closes, and this action is carried out.
    Act(Action),
    /// The field has changed.
    Typing(Purpose, String),
    /// The question was answered, or closed without an answer.
    Answer(Purpose, Option<String>),
}

impl Layer {
    /// A field.
    pub fn input(title: String, hint: String, text: &str, purpose: Purpose) -> Self {
        Self::Input(Box::new(InputLine { title, hint, purpose, area: field(text) }))
    }

    /// The keys of a screen, and what its figures mean: made from the table of keys.
    pub fn help(scope: KeyScope, keymap: &Keymap, figures: &[(&str, &str)]) -> Self {
        let mut lines = Vec::new();
        for part in [scope, KeyScope::Move, KeyScope::Everywhere] {
            lines.push((part.name().to_owned(), String::new()));
            for binding in TABLE.iter().filter(|b| b.scope == part) {
                lines.push((format!("  {}", keymap.keys_of(binding)), keymap.filled(scope, binding.help)));
            }
        }
        if !figures.is_empty() {
            lines.insert(0, ("what the figures mean".into(), String::new()));
            for (i, (figure, meaning)) in figures.iter().enumerate() {
                lines.insert(i + 1, (format!("  {figure}"), keymap.filled(scope, meaning)));
            }
        }
        Self::Lines { title: format!("keys · {}", scope.name()), lines, cursor: Cursor::default(), rows: 0 }
    }

    /// Every action of a screen, to be found by name.
    pub fn palette(scope: KeyScope, keymap: &Keymap) -> Self {
        let all = [scope, KeyScope::Everywhere]
            .into_iter()
            .flat_map(|part| TABLE.iter().filter(move |b| b.scope == part))
            .filter(|b| !matches!(b.action, Action::Palette))
            .map(|b| (b.action, keymap.filled(scope, b.help), keymap.keys_of(b).to_owned()))
            .collect();
        Self::Palette(Box::new(Palette { area: field(""), all, cursor: Cursor::default() }))
    }

    /// Handles a key.
    pub fn key(&mut self, event: &KeyEvent, cx: &mut Context) -> LayerOutcome {
        // Where nothing is typed a letter of another layout is the key it is on.
        let by_place = match self {
            Self::Confirm { .. } => by_place(event),
            Self::Plan(dialog) if !dialog.is_typing() => by_place(event),
            _ => None,
        };
        let event = by_place.as_ref().unwrap_or(event);
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        if event.code == KeyCode::Esc || control && event.code == KeyCode::Char('c') {
            return match self {
                Self::Input(input) => LayerOutcome::Answer(input.purpose.clone(), None),
                Self::Confirm { purpose, .. } => LayerOutcome::Answer(purpose.clone(), None),
                Self::Plan(dialog) => plan_outcome(dialog.key(event, cx)),
                _ => LayerOutcome::Close,
            };
        }
        match self {
            Self::Lines { rows, cursor, .. } => match cx.env.keymap.action(KeyScope::Everywhere, event) {
                Some(Action::Help | Action::Quit | Action::Back) => LayerOutcome::Close,
                Some(action) => {
                    let mut top = Cursor { at: cursor.top, height: cursor.height, ..Cursor::default() };
                    if top.act(action, *rows) {
                        cursor.top = top.at;
                        cursor.at = top.at;
                    }
                    LayerOutcome::Stay
                }
                None => LayerOutcome::Stay,
            },
            Self::Confirm { purpose, .. } => match event.code {
                KeyCode::Char('y' | 'Y') => LayerOutcome::Answer(purpose.clone(), Some("y".into())),
                _ => LayerOutcome::Answer(purpose.clone(), None),
            },
            Self::Input(input) => input.key(event),
            Self::Palette(palette) => palette.key(event),
            Self::Plan(dialog) => plan_outcome(dialog.key(event, cx)),
        }
    }

    /// Handles a paste: one insertion; line ends become blanks, so that nothing is submitted by it.
    pub fn paste(&mut self, text: &str) -> LayerOutcome {
        let line: String =
            text.chars().take(100_000).map(|c| if c == '\r' || c == '\n' { ' ' } else { c }).collect();
        match self {
            Self::Input(input) => {
                input.area.insert_str(&line);
                LayerOutcome::Typing(input.purpose.clone(), content(&input.area))
            }
            Self::Palette(palette) => {
                palette.area.insert_str(&line);
                LayerOutcome::Stay
            }
            _ => LayerOutcome::Stay,
        }
    }

    /// Hands an answer to a layer that asked. False when none of its own.
    pub fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self {
            Self::Plan(dialog) => dialog.reply(ticket, cx),
            _ => false,
        }
    }

    /// Draws it over the screen.
    pub fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        match self {
            Self::Lines { title, lines, cursor, rows } => {
                *rows = draw_lines(title, lines, cursor, area, buf, env);
            }
            Self::Confirm { question, .. } => {
                let y = area.bottom().saturating_sub(1);
                blank(area, y, buf);
                let parts = [
                    seg(format!(" {question} "), env.style(Meaning::Strong)),
                    seg("y", env.style(Meaning::Key)),
                    seg(" yes   any other key: no", env.style(Meaning::Dim)),
                ];
                put(buf, area.x, y, area.width, &parts);
            }
            Self::Input(input) => input.draw(area, buf, env),
            Self::Palette(palette) => palette.draw(area, buf, env),
            Self::Plan(dialog) => dialog.draw(area, buf, env),
        }
    }
}

fn plan_outcome(outcome: plan::PlanOutcome) -> LayerOutcome {
    match outcome {
        plan::PlanOutcome::Stay => LayerOutcome::Stay,
        plan::PlanOutcome::Close => LayerOutcome::Close,
    }
}

impl InputLine {
    fn key(&mut self, event: &KeyEvent) -> LayerOutcome {
        match event.code {
            KeyCode::Enter => LayerOutcome::Answer(self.purpose.clone(), Some(content(&self.area))),
            _ => {
                if self.area.input(*event) {
                    LayerOutcome::Typing(self.purpose.clone(), content(&self.area))
                } else {
                    LayerOutcome::Stay
                }
            }
        }
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        let y = area.bottom().saturating_sub(1);
        blank(area, y, buf);
        let x =
            put(buf, area.x, y, area.width, &[seg(format!(" {}: ", self.title), env.style(Meaning::Accent))]);
        let room = area.right().saturating_sub(x);
        draw_field(
            &self.area,
            Rect { x, y, width: room, height: 1 }.intersection(area),
            buf,
            env,
            &self.hint,
        );
    }
}

impl Palette {
    fn found(&self) -> Vec<&(Action, String, String)> {
        let wanted = content(&self.area).to_lowercase();
        self.all
            .iter()
            .filter(|(_, help, _)| wanted.split_whitespace().all(|w| help.to_lowercase().contains(w)))
            .collect()
    }

    fn key(&mut self, event: &KeyEvent) -> LayerOutcome {
        match event.code {
            KeyCode::Enter => match self.found().get(self.cursor.at) {
                Some((action, _, _)) => LayerOutcome::Act(*action),
                None => LayerOutcome::Stay,
            },
            KeyCode::Down => self.go(Action::Down),
            KeyCode::Up => self.go(Action::Up),
            _ => {
                if self.area.input(*event) {
                    self.cursor = Cursor::default();
                }
                LayerOutcome::Stay
            }
        }
    }

    fn go(&mut self, action: Action) -> LayerOutcome {
        let len = self.found().len();
        self.cursor.act(action, len);
        LayerOutcome::Stay
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        let inside = window(area, 72, 18, "palette", buf, env);
        let found: Vec<(String, String)> =
            self.found().into_iter().map(|(_, help, keys)| (help.clone(), keys.clone())).collect();
        let field = Rect { height: 1.min(inside.height), ..inside };
        put(buf, field.x, field.y, 2, &[seg("› ", env.style(Meaning::Accent))]);
        let typing = Rect { x: field.x + 2.min(field.width), width: field.width.saturating_sub(2), ..field };
        draw_field(&self.area, typing, buf, env, "what do you want to do?");
        let rows = inside.height.saturating_sub(2);
        for (i, at) in self.cursor.window(found.len(), usize::from(rows)).enumerate() {
            let y = inside.y + 2 + i as u16;
            let (help, keys) = &found[at];
            let row = Rect { y, height: 1, ..inside };
            if at == self.cursor.at {
                select(buf, row, true, env.theme);
            }
            let right = row.right().saturating_sub(1);
            let end = put_right(buf, right, y, 13, &seg(keys.clone(), env.style(Meaning::Key)));
            let room = end.saturating_sub(row.x + 4);
            put_cut(buf, row.x + 2, y, room, &[seg(help.clone(), env.style(Meaning::Text))]);
        }
    }
}

/// Columns of the left side: keys and figures.
const LEFT: u16 = 20;

/// Draws lines of two sides, the right one wrapped: what a figure means is of no use cut short. How many rows they take.
fn draw_lines(
    title: &str,
    lines: &[(String, String)],
    cursor: &mut Cursor,
    area: Rect,
    buf: &mut Buffer,
    env: &Env,
) -> usize {
    let width = 92.min(area.width.saturating_sub(4));
    let room = usize::from(width.saturating_sub(4 + LEFT)).max(1);
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for (left, right) in lines {
        for (i, piece) in text::wrapped(right, room).into_iter().enumerate() {
            rows.push((if i == 0 { left } else { "" }, piece));
        }
    }
    let height = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(area.height.saturating_sub(2));
    let inside = window(area, width, height, title, buf, env);
    cursor.height = usize::from(inside.height);
    cursor.top = cursor.top.min(rows.len().saturating_sub(cursor.height));
    for (i, (left, right)) in rows.iter().skip(cursor.top).take(cursor.height).enumerate() {
        let y = inside.y + i as u16;
        if right.is_empty() {
            put_cut(buf, inside.x, y, inside.width, &[seg(*left, env.style(Meaning::Strong))]);
            continue;
        }
        let side = LEFT.min(inside.width);
        put_cut(buf, inside.x, y, side, &[seg(*left, env.style(Meaning::Key))]);
        put_cut(buf, inside.x + side, y, inside.width - side, &[seg(*right, env.style(Meaning::Text))]);
    }
    if rows.len() > cursor.height && inside.height > 0 {
        let last = (cursor.top + cursor.height).min(rows.len());
        let [down, up] = [Action::Down, Action::Up].map(|a| env.hint(KeyScope::Everywhere, a));
        let note = format!(" {down} {up} {}-{last} of {} ", cursor.top + 1, rows.len());
        put_right(buf, inside.right(), inside.bottom(), 24, &seg(note, env.style(Meaning::Dim)));
    }
    rows.len()
}
