//! The one file that knows every screen and overlay: makes them of what `route.rs` names.

use super::context::Context;
use super::overlay::{Layer, plan::PlanDialog};
use super::route::{Overlay, Route, Tab};
use super::screen::Screen;
use super::screen::agreement::AgreementScreen;
use super::screen::blame::BlameScreen;
use super::screen::compare::Compare;
use super::screen::diff::DiffScreen;
use super::screen::found::SearchScreen;
use super::screen::grid::GridScreen;
use super::screen::item::ItemScreen;
use super::screen::modes::ModesScreen;
use super::screen::prompts::Prompts;
use super::screen::review::Review;
use super::screen::revisions::Revisions;
use super::screen::runs::RunsScreen;
use super::screen::trends::Trends;

/// The screen at the end of a route.
pub fn screen(route: Route) -> Box<dyn Screen> {
    match route {
        Route::Tab(Tab::Prompts) => Box::new(Prompts::default()),
        Route::Tab(Tab::Runs) => Box::new(RunsScreen::default()),
        Route::Tab(Tab::Review) => Box::new(Review::default()),
        Route::Tab(Tab::Trends) => Box::new(Trends::default()),
        Route::Diff { left, right, reasons } => Box::new(DiffScreen::new(left, right).with_reasons(reasons)),
        Route::Draft { base, text } => Box::new(DiffScreen::of_draft(*base, &text)),
        Route::Blame(spot) => Box::new(BlameScreen::new(spot)),
        Route::Found(words) => Box::new(SearchScreen::new(&words)),
        Route::Revisions(name) => Box::new(Revisions::new(name)),
        Route::Grid { run, begin } => Box::new(GridScreen::begun(run, begin)),
        Route::Item { run, item, within } => Box::new(ItemScreen::new(run, item).within(within)),
        Route::Review(run) => Box::new(Review::new(run)),
        Route::Compare(run) => Box::new(Compare::new(run)),
        Route::Agreement(run) => Box::new(AgreementScreen::new(run)),
        Route::Modes(run) => Box::new(ModesScreen::new(run)),
    }
}

/// What lies on top, made of what it needs.
pub fn layer(overlay: Overlay, cx: &mut Context) -> Layer {
    match overlay {
        Overlay::Help { scope, figures } => Layer::help(scope, &cx.env.keymap, figures),
        Overlay::Palette(scope) => Layer::palette(scope, &cx.env.keymap),
        Overlay::Input { title, hint, text, purpose } => Layer::input(title, hint, &text, purpose),
        Overlay::Confirm { question, purpose } => Layer::Confirm { question, purpose },
        Overlay::Plan(spots) => Layer::Plan(Box::new(PlanDialog::new(spots, cx))),
    }
}
