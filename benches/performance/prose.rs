//! Text to compare, made up from a seed; the single calls of benches/diff.rs use it too.

/// Words from a fixed seed, a line break every dozen.
pub fn prose(seed: u64, bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "extract",
        "the",
        "most",
        "surprising",
        "ideas",
        "from",
        "input",
        "and",
        "quote",
        "sources",
        "in",
        "order",
        "never",
        "invent",
        "facts",
        "briefly",
    ];
    let mut state = seed;
    let mut out = String::with_capacity(bytes + 16);
    for n in 0.. {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.push_str(WORDS.get((state >> 60) as usize).copied().unwrap_or("and"));
        out.push(if n % 12 == 11 { '\n' } else { ' ' });
        if out.len() >= bytes {
            break;
        }
    }
    out
}
