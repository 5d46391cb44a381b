//! Draws the pictures of the README: the real screens over the demo's data, cell by cell, as PNG.
//!
//! ```text
//! cargo run --release --example screens -- docs/screens
//! ```
//! Needs a monospaced TrueType font: `ASSIZE_FONT`, else DejaVu Sans Mono where Debian and Fedora put it.

use assize::config::Config;
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use fontdue::{Font, FontSettings};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use std::path::{Path, PathBuf};

const SIZE: f32 = 16.0;
const CELL: (usize, usize) = (10, 20);
const FONTS: [&str; 3] = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
    "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
];

/// A picture to be taken: file name, size, theme, keys.
type Shot = (&'static str, (u16, u16), Theme, &'static str);

const SHOTS: &[Shot] = &[
    ("prompts-160x45", (160, 45), Theme::Dark, "j j j Enter"),
    ("prompts-80x24", (80, 24), Theme::Dark, "type:/ type:wisdom Enter Enter"),
    ("prompts-light-120x36", (120, 36), Theme::Light, "type:/ type:wisdom Enter Enter"),
    ("diff-160x45", (160, 45), Theme::Dark, "type:/ type:extract_wisdom/system Enter Enter j j d"),
    ("diff-80x24", (80, 24), Theme::Dark, "type:/ type:extract_wisdom/system Enter Enter j j d"),
    ("diff-plain-120x36", (120, 36), Theme::Plain, "type:/ type:extract_wisdom/system Enter Enter j j d"),
    ("blame-160x45", (160, 45), Theme::Dark, "type:/ type:extract_wisdom/system Enter Enter b"),
    ("runs-120x36", (120, 36), Theme::Dark, "2"),
    ("grid-160x45", (160, 45), Theme::Dark, "2 G Enter"),
    ("grid-80x24", (80, 24), Theme::Dark, "2 G Enter"),
    ("item-160x45", (160, 45), Theme::Dark, "2 G Enter Enter"),
    ("item-80x24", (80, 24), Theme::Dark, "2 G Enter Enter"),
    ("plan-120x36", (120, 36), Theme::Dark, "2 J"),
    ("review-80x24", (80, 24), Theme::Dark, "3"),
    ("review-120x36", (120, 36), Theme::Dark, "3"),
    ("help-120x36", (120, 36), Theme::Dark, "?"),
    ("compare-120x36", (120, 36), Theme::Dark, "2 G Enter c"),
    // From here on people have scored: these come last.
    ("reveal-120x36", (120, 36), Theme::Dark, "3 4 3 5 4 2 5 4 3 5 4"),
    ("agreement-80x24", (80, 24), Theme::Dark, "3 4 5 3 4 5 4 2 4 5 4 Space A"),
];

fn main() -> anyhow::Result<()> {
    let to = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "docs/screens".into()));
    std::fs::create_dir_all(&to)?;
    let font = font()?;
    let dir = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let registry = dir.path().join("registry.db");
    assize::cli::demo::build(&registry).map_err(|e| anyhow::anyhow!("{}", e.message))?;
    for (name, size, theme, keys) in SHOTS {
        let mut config = Config::default();
        config.review.name = Some("ana".into());
        let buffer = runtime.block_on(async {
            let mut screen = Harness::open(&registry, config, true, *size, *theme).await;
            screen.keys(keys).await;
            screen.draw()
        });
        let path = to.join(format!("{name}.png"));
        write(&path, &buffer, &font, *theme)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn font() -> anyhow::Result<Font> {
    let named = std::env::var("ASSIZE_FONT").ok();
    let found = named.into_iter().chain(FONTS.map(String::from)).find(|p| Path::new(p).is_file());
    let path =
        found.ok_or_else(|| anyhow::anyhow!("no font found: set ASSIZE_FONT to a monospaced .ttf file"))?;
    Font::from_bytes(std::fs::read(path)?, FontSettings::default()).map_err(|e| anyhow::anyhow!("{e}"))
}

fn rgb(color: Color, otherwise: [u8; 3]) -> [u8; 3] {
    match color {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Red | Color::LightRed => [0xcd, 0x31, 0x31],
        Color::Green => [0x0d, 0xbc, 0x79],
        Color::Yellow => [0xe5, 0xe5, 0x10],
        Color::Blue => [0x24, 0x72, 0xc8],
        Color::Magenta => [0xbc, 0x3f, 0xbc],
        Color::Cyan => [0x11, 0xa8, 0xcd],
        Color::DarkGray => [0x66, 0x66, 0x66],
        _ => otherwise,
    }
}

fn mix(under: [u8; 3], over: [u8; 3], share: u8) -> [u8; 3] {
    let one = |u: u8, o: u8| {
        ((u16::from(u) * (255 - u16::from(share)) + u16::from(o) * u16::from(share)) / 255) as u8
    };
    [one(under[0], over[0]), one(under[1], over[1]), one(under[2], over[2])]
}

fn write(path: &Path, buf: &Buffer, font: &Font, theme: Theme) -> anyhow::Result<()> {
    let (ink, paper) = if theme == Theme::Light {
        ([0x24, 0x29, 0x33], [0xfb, 0xfb, 0xfd])
    } else {
        ([0xcd, 0xd6, 0xf4], [0x1a, 0x1b, 0x26])
    };
    let (cols, rows) = (usize::from(buf.area.width), usize::from(buf.area.height));
    let (width, height) = (cols * CELL.0, rows * CELL.1);
    let mut pixels = vec![0_u8; width * height * 3];
    let ascent = font.horizontal_line_metrics(SIZE).map_or(SIZE, |m| m.ascent);
    let mut dot = |x: usize, y: usize, color: [u8; 3], share: u8| {
        if x < width && y < height {
            let at = (y * width + x) * 3;
            let under = [pixels[at], pixels[at + 1], pixels[at + 2]];
            pixels[at..at + 3].copy_from_slice(&mix(under, color, share));
        }
    };
    for row in 0..rows {
        for col in 0..cols {
            let cell = &buf[(col as u16, row as u16)];
            let (mut fg, mut bg) = (rgb(cell.fg, ink), rgb(cell.bg, paper));
            if cell.modifier.contains(Modifier::REVERSED) {
                (fg, bg) = (bg, fg);
            }
            if cell.modifier.contains(Modifier::DIM) {
                fg = mix(bg, fg, 150);
            }
            let (left, top) = (col * CELL.0, row * CELL.1);
            for y in 0..CELL.1 {
                for x in 0..CELL.0 {
                    dot(left + x, top + y, bg, 255);
                }
            }
            let Some(c) = cell.symbol().chars().next().filter(|c| *c != ' ') else { continue };
            let (metrics, mask) = font.rasterize(c, SIZE);
            let base = top as f32 + ascent + 1.0;
            for (i, share) in mask.iter().enumerate() {
                let x = left as i64 + i64::from(metrics.xmin) + (i % metrics.width.max(1)) as i64;
                let y = base as i64 - i64::from(metrics.ymin) - metrics.height as i64
                    + (i / metrics.width.max(1)) as i64;
                if x >= 0 && y >= 0 {
                    dot(x as usize, y as usize, fg, *share);
                    if cell.modifier.contains(Modifier::BOLD) {
                        dot(x as usize + 1, y as usize, fg, share / 2);
                    }
                }
            }
            if cell.modifier.contains(Modifier::UNDERLINED) {
                (0..CELL.0).for_each(|x| dot(left + x, top + CELL.1 - 2, fg, 255));
            }
        }
    }
    let mut encoder =
        png::Encoder::new(std::io::BufWriter::new(std::fs::File::create(path)?), width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}
