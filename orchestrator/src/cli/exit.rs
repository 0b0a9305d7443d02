//! Exit codes that scripts rely on (MODEL.md).

pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const NOT_FOUND: u8 = 3;
pub(crate) const CONFLICT: u8 = 4;
pub(crate) const REFUSED: u8 = 5;
pub(crate) const WAITING: u8 = 6;
pub(crate) const UNREACHABLE: u8 = 7;

/// The code for an answer of the API.
pub(crate) fn of_status(status: u16) -> u8 {
    match status {
        200..=299 => DONE,
        400 | 413 | 422 => USAGE,
        401 | 403 => REFUSED,
        404 => NOT_FOUND,
        409 | 410 | 412 => CONFLICT,
        502..=504 => UNREACHABLE,
        _ => FAILED,
    }
}
