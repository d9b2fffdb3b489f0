//! The commented config that `keywheel init` writes. It reads back as the settings it describes.

use std::fmt::Write as _;

use super::credentials::CredentialKind;
use super::duration::show_duration;
use crate::model::{Budgets, KeyId, Region, TagSelector, VaultId};

/// A key that `init` found, offered as a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// Its OCID.
    pub id: KeyId,
    /// Its display name, foreign text.
    pub name: String,
    /// Its vault.
    pub vault: VaultId,
    /// Its vault's display name, foreign text.
    pub vault_name: String,
    /// Where it is.
    pub region: Region,
    /// Why it cannot be rotated, if so ("DISABLED", "RSA", …).
    pub unusable: Option<String>,
}

/// What varies between one written config and another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    /// Where the OCI config is, as the user wrote it.
    pub oci_config_file: String,
    /// Its section.
    pub profile: String,
    /// A file with the private key's passphrase.
    pub passphrase_file: Option<String>,
    /// Who signs.
    pub credentials: CredentialKind,
    /// The journal's file, relative to the config.
    pub journal: String,
    /// Keys found.
    pub keys: Vec<FoundKey>,
    /// Keys to manage from the start.
    pub chosen: Vec<KeyId>,
    /// The tag that marks resources meant to be under a managed key.
    pub tag: Option<TagSelector>,
    /// Limits.
    pub budgets: Budgets,
    /// Loopback endpoints of a rehearsal.
    pub endpoints: Vec<(Region, String)>,
    /// Whether margins are the lab's.
    pub lab_margins: bool,
}

impl Template {
    /// Renders the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::from(HEAD);
        let _ = writeln!(
            text,
            "[oci]\nconfig_file = {}\nprofile = {}",
            quoted(&self.oci_config_file),
            quoted(&self.profile)
        );
        match &self.passphrase_file {
            Some(file) => drop(writeln!(text, "passphrase_file = {}", quoted(file))),
            None => text.push_str(
                "# passphrase_file = \"~/.oci/passphrase\"   # a file; the passphrase itself never stands here\n",
            ),
        }
        text.push_str("# believe_listed_etags = false  # true: a bucket that is listed with the etag it was read with is not read again\n");
        text.push_str(CREDENTIALS);
        let _ = writeln!(text, "kind = {}", quoted(self.credentials.name()));
        text.push_str(JOURNAL);
        let _ = writeln!(text, "path = {}\n", quoted(&self.journal));
        text.push_str(POLICY);
        text.push_str(KINDS);
        self.scope(&mut text);
        self.tag(&mut text);
        self.limits(&mut text);
        text.push_str(NOTICES);
        text.push_str(MARGINS);
        text.push_str(if self.lab_margins { "profile = \"lab\"\n" } else { "profile = \"production\"\n" });
        text.push_str(ENDPOINTS);
        for (region, base) in &self.endpoints {
            let _ = writeln!(text, "[endpoints.{}]\nbase = {}", quoted(region.as_str()), quoted(base));
        }
        text
    }

    fn scope(&self, text: &mut String) {
        text.push_str(SCOPE);
        text.push_str("keys = [\n");
        for key in &self.keys {
            let (name, vault) = (comment(&key.name), comment(&key.vault_name));
            let hash = if self.chosen.contains(&key.id) { "" } else { "# " };
            let why =
                key.unusable.as_ref().map(|why| format!("; cannot be rotated: {}", comment(why))).unwrap_or_default();
            let _ =
                writeln!(text, "  {hash}{},   # {name}, vault {vault}, {}{why}", quoted(key.id.as_str()), key.region);
        }
        for key in self.chosen.iter().filter(|chosen| !self.keys.iter().any(|key| key.id == **chosen)) {
            let _ = writeln!(text, "  {},", quoted(key.as_str()));
        }
        text.push_str("]\nvaults = []         # or whole vaults: every AES key in them\n");
        text.push_str("# key_compartments = [\"ocid1.compartment...\"]   # where keys of these vaults are; left out: everywhere\n");
        text.push_str("regions = []        # empty: every region the tenancy subscribes to\n");
        text.push_str("compartments = []   # empty: every compartment that can be seen\n");
        text.push_str(
            "# compartment_trees = [\"ocid1.compartment...\"]   # or compartments with everything below them\n",
        );
        text.push_str(SCOPE_KINDS);
    }
}

impl Template {
    fn tag(&self, text: &mut String) {
        text.push_str(TAG);
        let (hash, example) = match &self.tag {
            Some(tag) => ("", tag.clone()),
            None => {
                let (key, value) = ("backup-encryption".to_owned(), "enabled".to_owned());
                ("# ", TagSelector { namespace: None, key, value })
            }
        };
        let _ = writeln!(text, "{hash}[tag]");
        match &example.namespace {
            Some(namespace) => drop(writeln!(text, "{hash}namespace = {}", quoted(namespace))),
            None => text.push_str("# namespace = \"keywheel\"     # for a defined tag; without it, a free-form tag\n"),
        }
        let _ = writeln!(text, "{hash}key = {}\n{hash}value = {}\n", quoted(&example.key), quoted(&example.value));
    }

    fn limits(&self, text: &mut String) {
        let b = &self.budgets;
        text.push_str("[limits]\n");
        let mut line = |key: &str, value: String, why: &str| {
            let set = format!("{key} = {value}");
            let _ = if why.is_empty() { writeln!(text, "{set}") } else { writeln!(text, "{set:<29} # {why}") };
        };
        line("blast_radius", b.blast_radius.to_string(), "dependents one rotation may touch");
        line("in_flight", b.in_flight.to_string(), "requests at once");
        line("keys_at_once", b.keys_at_once.to_string(), "keys worked on at once; one that waits makes room");
        line(
            "unreachable_after",
            b.unreachable_after.to_string(),
            "refusals in a row, then a pass asks that service no more there",
        );
        if self.endpoints.is_empty() {
            line("kms_requests_per_second", "8".to_owned(), "of the tenancy's 10; the rest is left to people");
        }
        line("page_size", b.page_size.to_string(), "dependents per page of the journal, 1 to 1000");
        line("attempts", b.attempts.to_string(), "tries of one effect before it is given up");
        line("backoff_base", quoted(&show_duration(b.backoff_base)), "first wait after a failed try; doubles");
        line("backoff_max", quoted(&show_duration(b.backoff_max)), "");
        line("mints_per_vault_and_day", b.mints_per_vault_and_day.to_string(), "");
        line("versions_per_vault", b.versions_per_vault.to_string(), "what a vault may hold (100 in a virtual vault)");
        text.push('\n');
    }
}

/// Foreign text inside a comment: one line, no control characters, not too long.
fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_bidi(*c)).take(60).collect()
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

const HEAD: &str = "\
# keywheel: which keys are rotated, how often, and how carefully.
# Check it with `keywheel plan`; nothing is written to the cloud before `keywheel rotate`.
# Durations are written \"90d\", \"12h\", \"30m\", \"45s\", \"500ms\" or \"1d12h\".

# The OCI CLI's own file, for the kinds of credentials that come from a profile.
";

const CREDENTIALS: &str = "
# Who signs. \"profile\": the profile above, an API key or a session. \"session_token\": it must be a session.
# \"instance_principal\": this compute instance. \"resource_principal\": this Function, by its environment.
# \"workload_identity\": this pod of an enhanced OKE cluster; may name region, tenancy, token_file, ca_file.
[credentials]
";

const JOURNAL: &str = "
# The journal is the record of everything that was done, and what makes it safe to be killed.
# Everybody who rotates these keys must use the same one. Back it up; never edit it.
[journal]
";

const POLICY: &str = "\
[policy]
cryptoperiod = \"90d\"          # a version older than this is due
# min_age = \"45d\"             # a younger version is superseded only when it is named; default: half the cryptoperiod
rotate_when_empty = false     # rotate a key that protects nothing we can see
exclude = []                  # OCIDs of resources to leave on the version they have
ambiguity = \"standard\"        # \"strict\": also after a refusal, wait as after a lost answer
                              # \"fast\": after a lost answer ask again at once; trusts retry tokens, and reports say so
history = \"report\"            # a key first seen with several versions: \"sweep\" moves everything to the current one, \"assume_moved\" trusts it
accept_risks = []             # risks that you take, by name: \"no_date_fence\", \"no_retry_token\", \"pinned_policies\",
                              # \"same_key_volumes\", \"unseen_block_storage\"
strategy = \"auto\"             # what forbids several versions of its key moves to a successor key; \"new_key\": everything does
# predecessor_look = \"1d\"     # how often `rotate` looks whether something hangs on a key that a successor took over from
# The defined tag on a successor that names its rotation. Its namespace must exist, and nobody else may use it.
# lineage_tag = { namespace = \"keywheel\", key = \"lineage\" }
# Only if somebody rotates these keys with another journal: a defined tag in which both announce their mints. Needs
# KEY_UPDATE on the keys, and a tag namespace that nobody else may use.
# intent_register = { namespace = \"keywheel\", key = \"intent\" }

";

const KINDS: &str = "\
# What a kind does with several versions of its key, where you know better than the documented default. Every line here
# is stated in each plan and report. \"forbids\": it moves to a successor key, before a version is minted. \"ignores\": it
# moves to a successor, whenever. \"rewraps\": it is wrapped anew under its own key. \"tolerates\": it stays as it is.
# [kinds]
# bucket = \"rewraps\"          # or \"forbids\", \"ignores\", \"tolerates\"
# block_volume = \"forbids\"    # and boot_volume; \"rewraps\" names the same key once more, which Oracle does not
#                             # document: it needs \"same_key_volumes\" in accept_risks
# block_volume_backup = \"forbids\"   # and boot_volume_backup; never \"rewraps\"

";

const SCOPE: &str = "\
# Keys that are managed. With `keys` and `vaults` empty, keys are reported and none is rotated.
[scope]
";

const SCOPE_KINDS: &str = "\
kinds = []          # kinds to look at, such as [\"bucket\"]; empty: all. What is left out is named in every report
# Of a kind that forbids several versions of its key (block storage) leaving it out is not enough: your own statement
# that nothing of it is under keys in scope is wanted too, and one that is found disproves it.
# nothing_under_keys = [\"block_volume\", \"boot_volume\", \"block_volume_backup\", \"boot_volume_backup\"]
# What carries the tag and is under another key is a finding. A rotation moves it to its own key only if you say so:
# [scope.enroll]
# from = \"oracles_key\"      # or \"unmanaged_keys\": from customer keys, too; or \"any_key\": even from keys managed here
# to = [\"ocid1.key...\"]     # the key that takes them; of two that could, neither does

";

const TAG: &str = "\
# The tag that says: this resource is meant to be under a managed key. A dependent without it is re-keyed
# too (and reported); a resource with it under another key is a finding, unless [scope.enroll] has it moved.
";

const NOTICES: &str = "\
[notices]
# topic = \"ocid1.onstopic…\"   # an OCI Notifications topic
# topic_region = \"us-ashburn-1\"
# messages_per_minute = 50    # a topic takes 60 from the whole tenancy, a mailbox 10; what is more goes as one digest
stderr = true                 # also on standard error

# [notices.webhook]
# url = \"https://example.com/keywheel\"
# url_file = \"~/.keywheel/hook\"        # instead of url, where the address is a secret itself (Slack's are)
# secret_file = \"~/.keywheel/hook-secret\"   # whsec_ and base64: signs each notice (https://www.standardwebhooks.com)
# format = \"json\"             # or \"slack\", which needs no secret
# timeout = \"10s\"

# Numbers for OCI Monitoring after each run; `keywheel metrics` prints them for Prometheus without this.
# [metrics]
# namespace = \"keywheel\"      # letters, digits, underscores
# compartment = \"ocid1.compartment…\"
# region = \"us-ashburn-1\"

# Ask Oracle's audit log who made each new version and who scheduled a deletion (AUDIT_EVENT_READ); reports and the alarm say what it shows.
# [attribution]
# audit_events = true

[audit]
# file = \"audit.jsonl\"        # a copy of the journal's facts, one JSON line each
# [audit.log]                 # a custom log of OCI Logging
# id = \"ocid1.log…\"
# region = \"us-ashburn-1\"
# request_bytes_max = 262144
# [audit.bucket]              # objects that are created and never written again; `keywheel doctor` says what keeps them
# name = \"keywheel-audit\"
# region = \"us-ashburn-1\"
# prefix = \"keywheel\"
# namespace = \"…\"            # if it is not the tenancy's own
";

const MARGINS: &str = "
# How long to wait for what OCI does not promise. \"lab\" is for rehearsals on loopback endpoints only.
# Single margins: skew_limit, processing, list_lag, clock_error, clock_offset_max, token_life, poll_min,
# poll_max, flip_deadline, replica_deadline, work_request_deadline, search_lag, absence_settle, audit_lag,
# scopes_age_max, claim_ttl.
[margins]
";

const ENDPOINTS: &str = "
# Only for rehearsals against an emulator on this machine; everything written is then stamped TEST.
# [endpoints.\"us-ashburn-1\"]
# base = \"http://127.0.0.1:4001\"
";
