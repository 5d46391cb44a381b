//! Reproducible chance: the one generator behind shuffles, sign flips and drawn blocks.
//!
//! ```text
//! seed --splitmix64 x4--> state --xoshiro256++--> 64-bit words --> bounded integers, signs, shuffles
//! ```
//! The words are crate `rand_xoshiro`'s, whose algorithm its name fixes; published vectors hold it here. How words become
//! integers and orders is written out, and not taken from crate `rand`, which keeps the right to change it: a stored seed must
//! give the same review order and the same p-value in every version. What need not be the same twice (ids, tokens of a batch,
//! names of temporary files) is `rand::random`'s.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// xoshiro256++ 1.0 (Blackman and Vigna 2019): 256 bits of state, period 2^256 - 1. Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// A generator whose four state words are the first four outputs of splitmix64 started at `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// The next 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform integer in `0..bound`, without bias: words beyond the last whole multiple of `bound` are thrown
    /// away. 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        // 2^64 mod bound: this many words at the top belong to no whole multiple.
        let surplus = (u64::MAX % bound + 1) % bound;
        loop {
            let word = self.next_u64();
            if word <= u64::MAX - surplus {
                return word % bound;
            }
        }
    }

    /// Fisher-Yates (Durstenfeld): for i from the last place down to 1, swap with a uniform place in `0..=i`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the public-domain C code: state words 1, 2, 3, 4.
    #[test]
    fn xoshiro256plusplus_gives_its_published_vector() {
        let mut state = [0; 32];
        for (word, byte) in (1..=4).zip((0..32).step_by(8)) {
            state[byte] = word;
        }
        let mut rng = Rng(Xoshiro256PlusPlus::from_seed(state));
        let got: Vec<u64> = (0..10).map(|_| rng.next_u64()).collect();
        assert_eq!(
            got,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386,
                9_228_616_714_210_784_205,
                9_973_669_472_204_895_162,
                14_011_001_112_246_962_877,
                12_406_186_145_184_390_807,
                15_849_039_046_786_891_736,
                10_450_023_813_501_588_000
            ]
        );
    }

    /// The published first outputs of splitmix64 from 1234567 are the state that a seed gives.
    #[test]
    fn a_seed_is_spread_by_splitmix64() {
        let words: [u64; 4] = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
        ];
        let mut state = [0; 32];
        for (part, word) in state.chunks_mut(8).zip(words) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        assert_eq!(Rng::seeded(1_234_567).0, Xoshiro256PlusPlus::from_seed(state));
    }

    /// What stored seeds have given since the first version.
    #[test]
    fn orders_and_integers_stay_as_they_are() {
        let mut rng = Rng::seeded(42);
        let mut items: Vec<u32> = (0..10).collect();
        rng.shuffle(&mut items);
        let drawn: Vec<u64> = (0..5).map(|_| rng.below(1000)).collect();
        assert_eq!(items, [6, 9, 7, 8, 0, 5, 3, 4, 2, 1]);
        assert_eq!(drawn, [468, 834, 149, 776, 189]);
    }

    #[test]
    fn bounded_integers_stay_below_and_reach_every_value_evenly() {
        let mut rng = Rng::seeded(7);
        let mut seen = [0_u32; 6];
        for _ in 0..60_000 {
            seen[rng.below(6) as usize] += 1;
        }
        // Chi-square with 5 degrees of freedom: 25.7 is passed by chance once in 10,000 seeds.
        let chi: f64 = seen.iter().map(|&n| (f64::from(n) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 25.7, "{seen:?}");
        assert_eq!((rng.below(0), rng.below(1)), (0, 0));
        assert!(rng.below(u64::MAX) < u64::MAX);
    }
}
