//! The Kubernetes port against a real API server and controller manager. No node runs here: what pods report is written
//! by the test, as a kubelet would.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends so")]

#[path = "../helm/bench.rs"]
#[allow(dead_code, reason = "shared with the tests of charts")]
mod bench;
#[path = "../command_line/mod.rs"]
mod command_line;
#[path = "../control_plane/mod.rs"]
mod control_plane;
#[path = "../safe/mod.rs"]
mod safe;
#[path = "../settled/mod.rs"]
mod settled;

mod awaited;
mod causes;
mod connecting;
mod corpus;
mod definitions;
mod doctor;
mod fake;
mod hearing;
mod helping;
mod names;
mod owners;
mod quota;
mod reading;
mod refusals;
mod releases;
mod scanning;
mod strange;
mod world;
mod writing;
