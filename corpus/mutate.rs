//! Bad input that nobody thought of: what is known to be bad, changed at random. A few changes of each row are part of the
//! tests; `cargo xtask mutate` makes thousands. A run is repeated by its seed, which it prints.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How much of it, and from which seed.
pub(crate) struct Mutations {
    /// How many for each row.
    pub(crate) per_row: usize,
    seed: u64,
}

impl Mutations {
    /// As the environment says: `CHATBOX_MUTATE_PER_ROW`, `CHATBOX_MUTATE_SEED`; else a few, always the same.
    pub(crate) fn wanted() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|it| it.parse().ok());
        let seed = number("CHATBOX_MUTATE_SEED").unwrap_or(20);
        let per_row = number("CHATBOX_MUTATE_PER_ROW").unwrap_or(20);
        println!("seed {seed}, {per_row} mutations a row");
        let per_row = usize::try_from(per_row).expect("a number that can be counted to");
        Self { per_row, seed }
    }

    /// Chance for one row: the same whatever the other rows are.
    pub(crate) fn of_row(&self, row: &str) -> StdRng {
        let name = row.bytes().fold(self.seed, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        StdRng::seed_from_u64(name)
    }
}

/// One to three random changes: a byte becomes another, a piece goes, or a piece stands twice.
pub(crate) fn mutate(bytes: &mut Vec<u8>, random: &mut StdRng) {
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let from = random.random_range(0..bytes.len());
        let to = (from + random.random_range(1..40)).min(bytes.len());
        match random.random_range(0..3) {
            0 => bytes[from] = random.random(),
            1 => drop(bytes.drain(from..to)),
            _ => {
                let piece = bytes[from..to].to_vec();
                bytes.splice(from..from, piece);
            }
        }
    }
}
