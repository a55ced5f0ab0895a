//! What a rule asks of the device.

use crate::diagnostic::{Finding, Subject};
use crate::read::{Field, Reader, Shape};
use crate::{DeviceRequirements, OsType, OsVersion, Spanned};

pub(super) const DEVICE: Shape = Shape {
    place: "`device`",
    keys: &[
        "require_mdm",
        "require_mdm_compliant",
        "require_encryption",
        "require_firewall",
        "min_os_version",
        "allowed_os_types",
    ],
    required: 0,
    nested: &[],
};

impl<'n> Reader<'n> {
    /// What is asked of the device, which must be something.
    pub(super) fn device(&mut self, field: Field<'n>) -> Option<Spanned<DeviceRequirements>> {
        let before = self.findings.total();
        let fields = self.fields(field.subject(), field.node, &DEVICE)?;
        let mut asked =
            |key| fields.get(key).and_then(|field| self.flag(field)).unwrap_or_default();
        let requirements = DeviceRequirements {
            require_mdm: asked("require_mdm"),
            require_mdm_compliant: asked("require_mdm_compliant"),
            require_encryption: asked("require_encryption"),
            require_firewall: asked("require_firewall"),
            min_os_version: fields.get("min_os_version").and_then(|f| self.os_version(f)),
            allowed_os_types: fields.get("allowed_os_types").and_then(|f| self.os_types(f)),
        };
        let readable = self.findings.total() == before;
        if readable && requirements == DeviceRequirements::default() {
            self.findings.report(field.span(), Finding::EmptyDevice);
        }
        Some(Spanned::new(requirements, field.span()))
    }

    /// The least version that will do.
    fn os_version(&mut self, field: Field<'n>) -> Option<OsVersion> {
        let value = self.exact_text(field.subject(), field.node)?;
        let version = OsVersion::parse(value);
        if version.is_none() {
            self.findings.report(field.node.span, Finding::InvalidOsVersion { value });
        }
        version
    }

    /// The operating systems that will do.
    fn os_types(&mut self, field: Field<'n>) -> Option<Vec<OsType>> {
        let types = self.each(field, |reader, key, node| {
            reader.word(Subject::EntryOf(key), node, OsType::WORDS, OsType::parse)
        })?;
        Some(types.into_iter().map(|os| os.value).collect())
    }
}
