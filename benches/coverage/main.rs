//! Whether the intervals hold what they promise: `cargo bench --bench coverage -- [--worlds N] [--write]`.
//!
//! Writes docs/trust.md with `--write`, else prints it. One thread; the seeds are this file's own.

mod worlds;

use std::fmt::Write as _;
use worlds::{SHAPES, corrected_differences, differences, gate_passes};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let worlds = arguments
        .iter()
        .position(|a| a == "--worlds")
        .and_then(|i| arguments.get(i + 1))
        .and_then(|n| n.parse().ok())
        .unwrap_or(1000);
    let text = report(worlds);
    if arguments.iter().any(|a| a == "--write") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/trust.md");
        if let Err(why) = std::fs::write(path, &text) {
            eprintln!("docs/trust.md cannot be written: {why}");
        }
    } else {
        println!("{text}");
    }
}

fn rate(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |v| format!("{v:.3}"))
}

fn report(worlds: usize) -> String {
    let mut out = String::new();
    let error = (0.95 * 0.05 / worlds as f64).sqrt();
    let _ = writeln!(
        out,
        "# What the intervals hold\n\nWritten by `cargo bench --bench coverage -- --write`. {worlds} worlds a cell \
         (standard error of a coverage {error:.3}). Each world draws cases from a known truth; *held* is the share of \
         95 % intervals that contain it, *t* the same for Student's interval, *width* the mean width of ours over that \
         of t, *false pass* the share in which `gate` passes a candidate whose true drop is exactly the margin \
         (nominal 0.025), *by t* the same read from Student's lower limit. Differences of scores 1 to 5.\n"
    );
    let mut seed = 70_001_u64;
    let mut table = |title: &str, cells: &[(usize, usize)], worlds: usize| {
        let _ = writeln!(
            out,
            "## {title}\n\n| shape | cases | held | t | width | false pass | by t |\n|---|---|---|---|---|---|---|"
        );
        for shape in &SHAPES {
            for &(n, size) in cells {
                seed += 1;
                let c = differences(shape, n, size, worlds, seed);
                let _ = writeln!(
                    out,
                    "| {} | {}{n} | {:.3} | {:.3} | {:.2} | {} | {} |",
                    shape.name,
                    if size > 1 { format!("{} x {size} = ", n / size) } else { String::new() },
                    c.held,
                    c.held_t,
                    c.width / c.width_t,
                    rate(c.passed),
                    rate(c.passed_t)
                );
            }
        }
        let _ = writeln!(out);
    };
    table("Paired difference", &[5, 10, 15, 30, 60, 75, 120].map(|n| (n, 1)), worlds);
    table("Paired difference, cases in clusters", &[(30, 5), (60, 5), (150, 5)], worlds);
    let _ = writeln!(
        out,
        "## Difference corrected by people's labels\n\n150 cases, a judge that is 0.7 kinder to the new arm and misses \
         a quarter of what people see. *judge* is the coverage of the judge's own interval.\n\n| shape | labelled | \
         held | judge | mean width |\n|---|---|---|---|---|"
    );
    for shape in &SHAPES {
        for n in [10, 30, 60] {
            seed += 1;
            let c = corrected_differences(shape, n, worlds, seed);
            let _ =
                writeln!(out, "| {} | {n} | {:.3} | {:.3} | {:.2} |", shape.name, c.held, c.held_t, c.width);
        }
    }
    let _ = writeln!(
        out,
        "\n## What the gate still passes\n\nShare of candidates that pass at margin 0.2 (*gain* is what the new arm is \
         better by, on the symmetric shape).\n\n| gain | cases | passes |\n|---|---|---|"
    );
    for (gain, n) in [(0.7, 60), (0.3, 60), (0.0, 75), (0.0, 120), (0.0, 200), (0.0, 300)] {
        seed += 1;
        let passes = gate_passes(&SHAPES[0], n, 0.2, gain, worlds, seed);
        let _ = writeln!(out, "| {gain:+.1} | {n} | {passes:.3} |");
    }
    out
}
