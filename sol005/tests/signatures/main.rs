//! Signatures of packages, held against OpenSSL both ways: it verifies ours, and ours verifies its own.

#[cfg(test)]
mod authority;
#[cfg(test)]
mod broken;
#[cfg(test)]
mod held;
#[cfg(test)]
mod wrapped;
