//! What the right pane shows: the template as written, rendered with a case, or the timeline.

use super::{Prompts, PromptsPane};
use crate::core::context::Fit;
use crate::core::text;
use crate::questions::rendered::Pick;
use crate::store::{EventInfo, RevisionInfo};
use crate::tui::context::{Context, Pending};
use crate::tui::draw_text::{Seg, put_cut, row, seg, select};
use crate::tui::keys::Action;
use crate::tui::query;
use crate::tui::session::Env;
use crate::tui::target_model::TargetModel;
use crate::tui::theme::Meaning;
use crate::tui::widget::text::draw_text;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What the right pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) enum SideView {
    /// The template as written.
    #[default]
    Template,
    /// What a model would be sent for a case.
    Rendered,
    /// Revisions and events, newest first.
    Timeline,
}

/// The state of the pane.
#[derive(Default)]
pub(in super::super) struct SidePane {
    pub shown: SideView,
    pub rendered: Pending<query::Render>,
    pub pick: Option<Pick>,
    /// Which of the configured models the meter is for.
    pub model: usize,
    /// Waited for while the selection in the list has not come to rest.
    pub rest: Pending<query::Pause>,
    pub events: Pending<query::AskEvents>,
}

impl Prompts {
    /// True when the action was about the pane.
    pub(super) fn act_side(&mut self, action: Action, cx: &mut Context) -> bool {
        match action {
            Action::Render => self.show(SideView::Rendered, cx),
            Action::Timeline => self.show(SideView::Timeline, cx),
            Action::NextCase | Action::PreviousCase => {
                let step = if action == Action::NextCase { 1 } else { -1 };
                self.preview.side.shown = SideView::Rendered;
                self.preview.follow_side(self.spot(), step, cx);
            }
            Action::Model => {
                let models = cx.env.config.models.len();
                self.preview.side.model = (self.preview.side.model + 1) % models.max(1);
                if models < 2 {
                    cx.say("there is no other model: [model.NAME] in the configuration adds one");
                }
            }
            _ => return false,
        }
        true
    }

    fn show(&mut self, wanted: SideView, cx: &mut Context) {
        if self.spot().is_none() {
            return cx.fail("no revision is selected");
        }
        self.preview.side.shown = if self.preview.side.shown == wanted { SideView::Template } else { wanted };
        self.preview.top = 0;
        self.preview.side.rendered.clear();
        self.preview.side.events.clear();
        self.preview.follow_side(self.spot(), 0, cx);
    }

    /// Whether the right pane has to be in sight where there is room for two panes only.
    pub(super) fn side_asked(&self) -> bool {
        self.preview.side.shown != SideView::Template
    }
}

/// The meter of the window: a bar, the share, the model.
pub(super) fn draw_meter(s: &Prompts, place: Rect, buf: &mut Buffer, env: &Env) {
    let Some(reader) = TargetModel::of(env, s.revision(), s.preview.side.model) else { return };
    let rendered = s.preview.side.rendered.get().filter(|_| s.preview.side.shown == SideView::Rendered);
    let total = match rendered.and_then(|r| r.usage.as_ref()) {
        Some(usage) => Some(usage.total as u64),
        None => s.preview.tokens.get().map(|n| *n as u64),
    };
    let dim = env.style(Meaning::Dim);
    let (Some(window), Some(total)) = (&reader.window, total) else {
        let words = format!("window of {} not known: context_window", reader.name);
        put_cut(buf, place.x, place.y, place.width, &[seg(words, dim)]);
        return;
    };
    let fit = window.fit(total, reader.room);
    let meaning = match fit {
        Fit::Fits => Meaning::Good,
        Fit::Close => Meaning::Warning,
        Fit::Over => Meaning::Error,
    };
    let mut parts = vec![
        seg(text::meter(total + reader.room, window.tokens, 10), env.style(meaning)),
        seg(format!(" {} % of {} ", window.percent(total + reader.room), text::count(window.tokens)), dim),
        seg(reader.name, dim),
    ];
    if fit != Fit::Fits {
        parts.insert(1, seg(format!(" {}", fit.words()), env.style(meaning)));
    }
    put_cut(buf, place.x, place.y, place.width, &parts);
}

/// The rendered prompt, message by message, or why there is none.
pub(super) fn draw_rendered(s: &Prompts, place: Rect, buf: &mut Buffer, env: &Env) {
    let Some(done) = s.preview.side.rendered.get() else { return };
    let (dim, variable) = (env.style(Meaning::Dim), env.style(Meaning::Variable));
    let head: Vec<Seg> = vec![
        seg("with ", dim),
        seg(format!("{}/{}", done.pick.set, done.pick.case), variable),
        seg(format!("  {} of {}", done.place.0, text::count(done.place.1 as u64)), dim),
    ];
    put_cut(buf, place.x, place.y, place.width, &head);
    let mut about: Vec<(String, Meaning)> = Vec::new();
    about.extend(done.error.clone().map(|why| (why, Meaning::Error)));
    if !done.unused.is_empty() {
        about.push((format!("not used: {}", done.unused.join(", ")), Meaning::Warning));
    }
    if let Some(usage) = done.usage.as_ref().filter(|u| !u.variables.is_empty()) {
        let one =
            |v: &crate::core::context::Share| format!("{} {} tok", v.name, text::count(v.tokens as u64));
        about.push((usage.variables.iter().map(one).collect::<Vec<_>>().join(" · "), Meaning::Dim));
    }
    let mut notes = 0;
    for (words, meaning) in &about {
        let clean = text::escape_line(words).into_owned();
        for line in text::wrapped(&clean, usize::from(place.width.max(1))) {
            if notes + 1 < place.height {
                notes += 1;
                let line = [seg(line.to_owned(), env.style(*meaning))];
                put_cut(buf, place.x, place.y + notes, place.width, &line);
            }
        }
    }
    let rest = Rect { y: place.y + notes + 2, height: place.height.saturating_sub(notes + 2), ..place };
    let several = done.messages.len() > 1 || done.messages.iter().any(|(role, _)| role != "user");
    let whole: String = done
        .messages
        .iter()
        .map(|(role, content)| if several { format!("── {role} ──\n{content}\n") } else { content.clone() })
        .collect();
    draw_text(&whole, s.preview.top, rest, buf, env);
}

/// A line of the timeline.
enum TimelineEntry<'a> {
    Revision(&'a RevisionInfo),
    Event(&'a EventInfo),
}

impl TimelineEntry<'_> {
    fn at(&self) -> &str {
        match self {
            Self::Revision(info) => &info.created_at,
            Self::Event(event) => &event.at,
        }
    }
}

/// Revisions and events together, newest first; the selected revision is marked.
pub(super) fn draw_timeline(s: &Prompts, place: Rect, buf: &mut Buffer, env: &Env) {
    let Some(name) = &s.past.of else { return };
    put_cut(
        buf,
        place.x,
        place.y,
        place.width,
        &[seg(format!("timeline of {name}"), env.style(Meaning::Strong))],
    );
    let events = s.preview.side.events.get().map(Vec::as_slice).unwrap_or_default();
    let mut entries: Vec<TimelineEntry> = s
        .past
        .log
        .iter()
        .map(TimelineEntry::Revision)
        .chain(events.iter().map(TimelineEntry::Event))
        .collect();
    let time = |e: &TimelineEntry| e.at().parse::<jiff::Timestamp>().unwrap_or(jiff::Timestamp::MIN);
    entries.sort_by_key(|e| std::cmp::Reverse(time(e)));
    let selected = entries
        .iter()
        .position(|e| matches!(e, TimelineEntry::Revision(r) if Some(r.seq) == s.revision().map(|r| r.seq)));
    let rows = Rect { y: place.y + 2, height: place.height.saturating_sub(2), ..place };
    let height = usize::from(rows.height);
    let top = if s.pane == PromptsPane::Preview {
        s.preview.top
    } else {
        selected.unwrap_or(0).saturating_sub(height / 3).min(entries.len().saturating_sub(height))
    };
    for (i, (at, entry)) in entries.iter().enumerate().skip(top).take(height).enumerate() {
        let here = row(rows, rows.y + i as u16);
        if Some(at) == selected {
            select(buf, here, s.pane == PromptsPane::Preview, env.theme);
        }
        let words = entry_words(entry, here.width, env);
        put_cut(buf, here.x + 1, here.y, here.width.saturating_sub(1), &words);
    }
    if events.is_empty() && s.preview.side.events.get().is_some() && entries.len() < height {
        let y = rows.y + entries.len() as u16;
        let words = "no label, name, tag or archive flag was ever changed";
        put_cut(buf, rows.x + 1, y, rows.width.saturating_sub(1), &[seg(words, env.style(Meaning::Dim))]);
    }
}

fn entry_words<'a>(entry: &TimelineEntry, width: u16, env: &Env) -> Vec<Seg<'a>> {
    let dim = env.style(Meaning::Dim);
    let when: String =
        entry.at().chars().take(if width < 60 { 10 } else { 16 }).collect::<String>().replace('T', " ");
    match entry {
        TimelineEntry::Revision(info) => vec![
            seg(format!("{when}  "), dim),
            seg(format!("r{} ", info.seq), env.style(Meaning::Strong)),
            seg(
                info.message.clone().unwrap_or_default().lines().next().unwrap_or("").to_owned(),
                env.style(Meaning::Text),
            ),
            seg(format!("  {}", info.author.clone().unwrap_or_default()), dim),
        ],
        TimelineEntry::Event(event) => {
            let why = event.reason.as_ref().map(|w| format!("  \"{w}\"")).unwrap_or_default();
            vec![
                seg(format!("{when}  "), dim),
                seg(format!("· {}", event_words(event)), env.style(Meaning::Label)),
                seg(format!("  {}{why}", event.author.clone().unwrap_or_default()), dim),
            ]
        }
    }
}

/// What happened, in a few words: `label set production r1 → r3`.
fn event_words(event: &EventInfo) -> String {
    let kind = event.kind.replace('_', " ");
    let Some(map) = event.payload.as_object() else { return kind };
    let one = |key: &str| map.get(key).map(|v| v.as_str().map_or_else(|| v.to_string(), ToOwned::to_owned));
    let place = |key: &str| {
        one(key).filter(|v| v != "null").map(|v| if v.parse::<u32>().is_ok() { format!("r{v}") } else { v })
    };
    let rest = match (one("label"), place("from"), place("to")) {
        (Some(label), None, None) => return format!("{kind} {label}"),
        (Some(label), from, to) => {
            format!("{label} {} → {}", from.unwrap_or_else(|| "—".into()), to.unwrap_or_else(|| "—".into()))
        }
        (None, Some(from), Some(to)) => format!("{from} → {to}"),
        _ => map.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", "),
    };
    // A label that moves says so by its arrow.
    if map.contains_key("label") { rest } else { format!("{kind} {rest}") }
}
