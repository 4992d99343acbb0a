//! One event that crashes its translation costs this event, and no other: the platform would hand it out again and again.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a translation says; `None` where it crashed. What it had in hand by then is to be thrown away, or to be good in any
/// state. The panic itself is told by the program's own hook.
pub fn guarded<T>(translate: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(translate)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_nothing_and_the_next_is_as_ever() {
        let read = |text: &str| guarded(|| text.parse::<u8>().expect("a number"));
        assert_eq!((read("1"), read("x"), read("2")), (Some(1), None, Some(2)));
    }
}
