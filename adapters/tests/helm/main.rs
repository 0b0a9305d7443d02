//! Charts, with the real worker and, as the oracle, the real `helm template`. Both are built here when they are not there
//! yet; nothing is skipped.

#[cfg(test)]
mod archives;
#[cfg(test)]
mod bench;
#[path = "../command_line/mod.rs"]
mod command_line;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod equality;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod folders;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod traps;
