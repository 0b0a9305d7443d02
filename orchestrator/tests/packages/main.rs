//! Packages: descriptors that charts become, held against the standard's own model by `yanglint`. The worker is the real
//! one, and is built where it is not there yet.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod csar;
#[cfg(test)]
mod drawn;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod service;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod slices;
#[cfg(test)]
mod validated;
