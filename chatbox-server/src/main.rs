//! The chatbox binary.
fn main() {}
