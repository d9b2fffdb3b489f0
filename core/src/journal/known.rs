//! The facts that the journal knows: which of `rotation`'s facts a reader must understand.

use super::Facts;
use crate::rotation::Fact;
use crate::rotation::doctor::DoctorFact;
use crate::rotation::history::KeyFact;
use crate::rotation::meta::MetaFact;
use crate::rotation::page::PageFact;
use crate::rotation::registry::RegistryFact;
use crate::rotation::vault::VaultFact;

impl Facts for Fact {
    fn must(&self) -> bool {
        Fact::must(self)
    }
}

impl Facts for PageFact {
    fn must(&self) -> bool {
        PageFact::must(self)
    }
}

impl Facts for RegistryFact {
    fn must(&self) -> bool {
        true
    }
}

impl Facts for KeyFact {
    fn must(&self) -> bool {
        KeyFact::must(self)
    }
}

impl Facts for VaultFact {
    fn must(&self) -> bool {
        true
    }
}

impl Facts for MetaFact {
    /// A cursor that is not understood only means that entries are sent again.
    fn must(&self) -> bool {
        false
    }
}

impl Facts for DoctorFact {
    /// Nothing that a rotation may do next depends on what doctor tried.
    fn must(&self) -> bool {
        false
    }
}
