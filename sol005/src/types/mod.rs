//! The data types of SOL005's five interfaces, as far as containers have a meaning for them. An attribute that only newer
//! versions have is absent in answers of older ones.

pub mod common;
pub mod nsd;
pub mod nslcm;
pub mod requests;
pub mod subscription;
pub mod vnfpkgm;
