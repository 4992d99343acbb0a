//! The agents' door over real HTTP: with a client of the protocol's makers on both of its wires, and byte by byte.

mod ask;
mod bad;
#[cfg(feature = "connector-tools")]
mod connector;
mod flow;
mod house;
mod keys;
#[path = "../../../corpus/mutate.rs"]
mod mutate;
#[cfg(feature = "connector-tools")]
#[path = "../radio/mod.rs"]
mod radio;
mod resources;
mod turns;
