//! The contrast of every pair of colours that can stand on a screen, as WCAG 2 computes it; computed, not looked at.

use super::*;

/// What ordinary text needs, by WCAG 2 level AA.
const ENOUGH: f64 = 4.5;

const FOREGROUNDS: [Meaning; 18] = [
    Meaning::Text,
    Meaning::Dim,
    Meaning::Rule,
    Meaning::Accent,
    Meaning::Strong,
    Meaning::Key,
    Meaning::Score(1),
    Meaning::Score(2),
    Meaning::Score(3),
    Meaning::Score(4),
    Meaning::Score(5),
    Meaning::Good,
    Meaning::Warning,
    Meaning::Error,
    Meaning::Label,
    Meaning::Variable,
    Meaning::AddedWord,
    Meaning::RemovedWord,
];
/// What lies behind a whole row.
const ROWS: [Meaning; 5] =
    [Meaning::Selected, Meaning::SelectedElsewhere, Meaning::Added, Meaning::Removed, Meaning::Moved];
/// What lies behind words and brings its own letters.
const WORDS: [Meaning; 3] = [Meaning::AddedWord, Meaning::RemovedWord, Meaning::Match];

/// The 16 colours of the usual terminals, as they come.
const PALETTES: [(&str, [u32; 16]); 9] = [
    (
        "xterm, st, mlterm",
        [
            0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f,
            0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
        ],
    ),
    (
        "VTE",
        [
            0x171421, 0xc01c28, 0x26a269, 0xa2734c, 0x12488b, 0xa347ba, 0x2aa1b3, 0xd0cfcc, 0x5e5c64,
            0xf66151, 0x33da7a, 0xe9ad0c, 0x2a7bde, 0xc061cb, 0x33c7de, 0xffffff,
        ],
    ),
    (
        "Tango",
        [
            0x000000, 0xcc0000, 0x4e9a06, 0xc4a000, 0x3465a4, 0x75507b, 0x06989a, 0xd3d7cf, 0x555753,
            0xef2929, 0x8ae234, 0xfce94f, 0x729fcf, 0xad7fa8, 0x34e2e2, 0xeeeeec,
        ],
    ),
    (
        "kitty",
        [
            0x000000, 0xcc0403, 0x19cb00, 0xcecb00, 0x0d73cc, 0xcb1ed1, 0x0dcdcd, 0xdddddd, 0x767676,
            0xf2201f, 0x23fd00, 0xfffd00, 0x1a8fff, 0xfd28ff, 0x14ffff, 0xffffff,
        ],
    ),
    (
        "alacritty",
        [
            0x1d1f21, 0xcc6666, 0xb5bd68, 0xf0c674, 0x81a2be, 0xb294bb, 0x8abeb7, 0xc5c8c6, 0x666666,
            0xd54e53, 0xb9ca4a, 0xe7c547, 0x7aa6da, 0xc397d8, 0x70c0b1, 0xeaeaea,
        ],
    ),
    (
        "foot",
        [
            0x222222, 0xcc9393, 0x7f9f7f, 0xd0bf8f, 0x6ca0a3, 0xdc8cc3, 0x93e0e3, 0xdcdccc, 0x666666,
            0xdca3a3, 0xbfebbf, 0xf0dfaf, 0x8cd0d3, 0xfcace3, 0xb3ffff, 0xffffff,
        ],
    ),
    (
        "Linux console",
        [
            0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa, 0x555555,
            0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
        ],
    ),
    (
        "Windows Terminal",
        [
            0x0c0c0c, 0xc50f1f, 0x13a10e, 0xc19c00, 0x0037da, 0x881798, 0x3a96dd, 0xcccccc, 0x767676,
            0xe74856, 0x16c60c, 0xf9f1a5, 0x3b78ff, 0xb4009e, 0x61d6d6, 0xf2f2f2,
        ],
    ),
    (
        "macOS Terminal",
        [
            0x000000, 0x990000, 0x00a600, 0x999900, 0x0000b2, 0xb200b2, 0x00a6b2, 0xbfbfbf, 0x666666,
            0xe50000, 0x00d900, 0xe5e500, 0x0000ff, 0xe500e5, 0x00e5e5, 0xe5e5e5,
        ],
    ),
];

fn hex(hex: u32) -> Rgb {
    Rgb { red: (hex >> 16) as u8, green: (hex >> 8) as u8, blue: hex as u8 }
}

/// `(L1 + 0.05) / (L2 + 0.05)` with the lighter first.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn seen(colour: Option<Color>, own: Rgb, palette: &[u32; 16]) -> Rgb {
    let index = |n: u8| match n {
        0..16 => hex(palette[usize::from(n)]),
        16..232 => {
            let n = n - 16;
            let step = |v: u8| if v == 0 { 0 } else { 55 + 40 * v };
            Rgb { red: step(n / 36), green: step(n / 6 % 6), blue: step(n % 6) }
        }
        _ => {
            let grey = 8 + 10 * (n - 232);
            Rgb { red: grey, green: grey, blue: grey }
        }
    };
    match colour {
        None | Some(Color::Reset) => own,
        Some(Color::Rgb(red, green, blue)) => Rgb { red, green, blue },
        Some(Color::Indexed(n)) => index(n),
        Some(named) => {
            const NAMES: [Color; 16] = [
                Color::Black,
                Color::Red,
                Color::Green,
                Color::Yellow,
                Color::Blue,
                Color::Magenta,
                Color::Cyan,
                Color::Gray,
                Color::DarkGray,
                Color::LightRed,
                Color::LightGreen,
                Color::LightYellow,
                Color::LightBlue,
                Color::LightMagenta,
                Color::LightCyan,
                Color::White,
            ];
            index(NAMES.iter().position(|c| *c == named).unwrap() as u8)
        }
    }
}

/// Every pair of a theme on a terminal of these colours; a row's look under a word's, as screens patch them.
fn pairs(theme: Theme) -> Vec<(String, Style)> {
    let mut all: Vec<(String, Style)> = Vec::new();
    for meaning in FOREGROUNDS.into_iter().chain(ROWS).chain(WORDS) {
        all.push((format!("{meaning:?}"), theme.style(meaning)));
    }
    for row in ROWS {
        for meaning in FOREGROUNDS {
            all.push((format!("{meaning:?} on {row:?}"), theme.style(row).patch(theme.style(meaning))));
        }
    }
    all
}

fn worst(theme: Theme, (fg, bg): (u32, u32), palette: &[u32; 16]) -> (f64, String) {
    let of = |style: &Style| contrast(seen(style.fg, hex(fg), palette), seen(style.bg, hex(bg), palette));
    let worst =
        pairs(theme).into_iter().map(|(name, style)| (of(&style), name)).min_by(|a, b| a.0.total_cmp(&b.0));
    worst.unwrap()
}

/// Terminals as people have them: letters, background. The last of each kind is as far as a theme is taken.
const DARK: [(u32, u32); 8] = [
    (0xffffff, 0x000000),
    (0xc5c8c6, 0x1d1f21),
    (0xd0cfcc, 0x171421),
    (0xdcdccc, 0x111111),
    (0xcccccc, 0x0c0c0c),
    (0xebdbb2, 0x282828),
    (0xabb2bf, 0x282c34),
    (0xc6d0f5, 0x303446),
];
const LIGHT: [(u32, u32); 6] = [
    (0x000000, 0xffffff),
    (0x1f1f1f, 0xfafafa),
    (0x3c3836, 0xfbf1c7),
    (0x4c4f69, 0xeff1f5),
    (0x000000, 0xeeeeee),
    (0x222222, 0xe1e1e1),
];

#[test]
fn every_pair_of_every_theme_has_the_contrast_that_text_needs() {
    let mut wrong = Vec::new();
    let mut least = f64::MAX;
    let mut check = |theme: Theme, terminal: (u32, u32), palette: &[u32; 16], whose: &str| {
        let (contrast, name) = worst(theme, terminal, palette);
        least = least.min(contrast);
        if contrast < ENOUGH {
            wrong.push(format!("{theme:?} on {:06x} ({whose}): {name} has {contrast:.2}", terminal.1));
        }
    };
    for (whose, palette) in &PALETTES {
        for terminal in DARK.into_iter().chain(LIGHT) {
            check(Theme::Terminal, terminal, palette, whose);
            check(Theme::Plain, terminal, palette, whose);
            check(Theme::Any256, terminal, palette, whose);
        }
        for terminal in DARK {
            check(Theme::Dark, terminal, palette, whose);
            check(Theme::Dark256, terminal, palette, whose);
        }
        for terminal in LIGHT {
            check(Theme::Light, terminal, palette, whose);
            check(Theme::Light256, terminal, palette, whose);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(least < 5.5, "a check that never comes near its bound may be blind: {least}");
}

#[test]
fn a_theme_is_taken_only_where_its_contrast_holds() {
    let grey = |v: u8| Rgb { red: v, green: v, blue: v };
    let env = |name: &str| (name == "COLORTERM").then(|| "truecolor".to_owned());
    let mut kinds = std::collections::HashMap::new();
    for v in 0..=255_u8 {
        let theme = Theme::chosen(false, None, Some(grey(v)), env);
        *kinds.entry(format!("{theme:?}")).or_insert(0) += 1;
        // The letters are whatever the terminal has; what is ours must hold.
        let letters = if v < 128 { 0xffffff } else { 0x000000 };
        let own = u32::from(v) * 0x010101;
        if contrast(hex(letters), grey(v)) >= ENOUGH {
            let (contrast, name) = worst(theme, (letters, own), &PALETTES[0].1);
            assert!(contrast >= ENOUGH, "{theme:?} on grey {v}: {name} has {contrast:.2}");
        }
    }
    for theme in ["Dark", "Light", "Any256"] {
        assert!(kinds[theme] > 20, "{kinds:?}");
    }
}

/// The twin: the former dark theme on a light terminal, as it was seen.
#[test]
fn a_dark_selection_under_black_letters_is_found() {
    assert!((contrast(hex(0x1f1f1f), hex(0x283044)) - 1.25).abs() < 0.02);
    let (found, _) = worst(Theme::Dark, (0x1f1f1f, 0xffffff), &PALETTES[0].1);
    assert!(found < 2.0, "{found}");
    assert!((contrast(hex(0xffffff), hex(0x000000)) - 21.0).abs() < 1e-9);
}

/// Screens with everything on them, cell by cell: no pair comes about by drawing that is not among those above.
#[tokio::test(flavor = "multi_thread")]
async fn every_cell_of_real_screens_can_be_read() {
    use crate::store::registry::Registry;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    {
        let mut registry = Registry::open(&path).unwrap();
        let body = |n: usize| format!("Say {{{{ what }}}} {n} times.\nKeep this line.\nWord {n} here\n");
        for n in 0..4 {
            registry.register("support/summary", &body(n), Default::default()).unwrap();
        }
        registry.register("other", "Nothing {{ else }}", Default::default()).unwrap();
    }
    let walks = [
        "",
        "Enter",
        "Enter d",
        "Enter d / type:word Enter",
        "Enter b",
        "?",
        ":",
        "2",
        "3",
        "4",
        "J",
        "/ type:zzz",
    ];
    for (theme, terminals) in [
        (Theme::Dark, &DARK[..]),
        (Theme::Dark256, &DARK[..]),
        (Theme::Light, &LIGHT[..]),
        (Theme::Light256, &LIGHT[..]),
        (Theme::Terminal, &DARK[..]),
        (Theme::Any256, &LIGHT[..]),
    ] {
        let mut cells = 0;
        for walk in walks {
            let mut screen =
                crate::tui::testing::Harness::open(&path, Default::default(), true, (100, 30), theme).await;
            screen.keys(walk).await;
            let buf = screen.draw();
            for (fg, bg) in terminals {
                for cell in buf.content().iter().filter(|c| c.symbol() != " ") {
                    let (letters, behind) = (
                        seen(Some(cell.fg), hex(*fg), &PALETTES[0].1),
                        seen(Some(cell.bg), hex(*bg), &PALETTES[0].1),
                    );
                    let found = contrast(letters, behind);
                    assert!(
                        found >= ENOUGH,
                        "{theme:?} {walk:?} {:?}: {:?} on {:?} has {found:.2}",
                        cell.symbol(),
                        cell.fg,
                        cell.bg
                    );
                    cells += 1;
                }
            }
        }
        assert!(cells > 5_000, "{cells}");
    }
}
