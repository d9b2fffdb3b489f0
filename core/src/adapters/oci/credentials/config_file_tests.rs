//! What config files people have, and what they are told. No network, no clock, temporary folders only.

use std::fs;

use data_encoding::BASE64URL_NOPAD;
use tempfile::TempDir;

use super::*;
use crate::ports::doubles::MockClock;

const FINGERPRINT: &str = "26:7e:d8:bb:bb:ea:b6:5e:bc:56:5b:66:c0:8a:ee:b9";
const GOOD: &str = "[DEFAULT]
user=ocid1.user.oc1..aaaauser
tenancy=ocid1.tenancy.oc1..aaaatenancy
fingerprint=26:7e:d8:bb:bb:ea:b6:5e:bc:56:5b:66:c0:8a:ee:b9
region=us-ashburn-1
key_file=KEY
";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(TempDir::new().expect("a temporary folder"));
        folder.write("key.pem", include_str!("fixtures/pkcs8.pem"));
        folder
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn load(&self, text: &str, profile: Option<&str>, passphrase: Option<&str>) -> Result<ConfigFile> {
        let text = text.replace("=KEY", &format!("={}", self.0.path().join("key.pem").display()));
        let passphrase = passphrase.map(SecretString::from);
        let file = self.write("config", &text);
        load(Profile { file: Some(&file), name: profile, passphrase: passphrase.as_ref(), kind: ProfileKind::Any })
    }

    fn refusal(&self, text: &str, profile: Option<&str>) -> String {
        let error = self.load(text, profile, None).expect_err("it must be refused");
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    }
}

/// It is 2026 for ever.
fn clock() -> Arc<dyn Clock> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| "2026-11-22T19:00:00Z".parse().expect("a timestamp"));
    Arc::new(clock)
}

fn load(profile: Profile<'_>) -> Result<ConfigFile> {
    ConfigFile::load(profile, &*clock())
}

fn key_id(credentials: &dyn Credentials) -> String {
    now(credentials.key_id()).expect("a key id")
}

/// Reading a file never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("it never waits")
}

fn token(expiry: i64) -> String {
    let payload = BASE64URL_NOPAD.encode(format!("{{\"exp\":{expiry}}}").as_bytes());
    format!("aGVhZA.{payload}.c2ln")
}

#[test]
fn a_good_profile_becomes_credentials() {
    let file = Folder::new().load(GOOD, None, None).expect("good");
    assert_eq!(file.region.as_str(), "us-ashburn-1");
    let signer = file.into_principal(clock()).credentials;
    assert_eq!(key_id(&*signer), format!("ocid1.tenancy.oc1..aaaatenancy/ocid1.user.oc1..aaaauser/{FINGERPRINT}"));
}

#[test]
fn crlf_comments_spaces_and_colons_are_tolerated() {
    let text = format!("\u{feff}# mine\r\n{}; end\r\n", GOOD.replace('\n', "\r\n").replace("region=", "Region : "));
    assert!(Folder::new().load(&text, None, None).is_ok());
}

#[test]
fn a_profile_inherits_from_default() {
    let text = format!("{GOOD}\n[LAB]\nregion=phx\n");
    let file = Folder::new().load(&text, Some("LAB"), None).expect("good");
    assert_eq!(file.region.as_str(), "us-phoenix-1");
    let why = Folder::new().refusal(&text, Some("PROD"));
    assert!(why.contains("there is no [PROD]; the file has: DEFAULT, LAB"), "{why}");
}

#[test]
fn all_problems_are_reported_together() {
    let why = Folder::new().refusal(
        "[DEFAULT]\nuser=me\nregion=us-atlantis-9\nkey_file=/nowhere/key.pem\nkey_content=SECRET-CANARY\npass_phrase\n",
        None,
    );
    assert!(why.contains("7 problems"), "{why}");
    for part in [
        "line 6",
        "user: \"me\"",
        "tenancy: it is missing",
        "us-atlantis-9",
        "/nowhere/key.pem",
        "fingerprint",
        "key_content",
    ] {
        assert!(why.contains(part), "{part} is not in {why}");
    }
    assert!(!why.contains("SECRET-CANARY"), "{why}");
}

#[test]
fn a_fingerprint_of_another_key_is_told() {
    let text = GOOD.replace("26:7e:d8", "00:11:22");
    let why = Folder::new().refusal(&text, None);
    assert!(why.contains("does not belong to the key") && why.contains(FINGERPRINT), "{why}");
    let why = Folder::new().refusal(&GOOD.replace("26:7e:d8", "26:7e"), None);
    assert!(why.contains("16 pairs"), "{why}");
}

#[test]
fn the_public_key_in_place_of_the_private_one_is_told() {
    let folder = Folder::new();
    folder.write("key.pem", include_str!("fixtures/public.pem"));
    assert!(folder.refusal(GOOD, None).contains("public key that was uploaded"));
}

#[test]
fn a_passphrase_comes_from_the_caller_or_the_file() {
    let folder = Folder::new();
    folder.write("key.pem", include_str!("fixtures/pbes2.pem"));
    assert!(folder.load(GOOD, None, Some("correct-horse")).is_ok());
    assert!(folder.load(&format!("{GOOD}pass_phrase=correct-horse\n"), None, None).is_ok());
    let error = folder.load(&format!("{GOOD}pass_phrase=CANARY-horse\n"), None, None).expect_err("wrong");
    assert!(error.to_string().contains("does not open") && !format!("{error:?}").contains("CANARY"), "{error}");
}

#[test]
fn a_session_token_signs_in_its_own_name() {
    let folder = Folder::new();
    let path = folder.write("token", &format!("{}\n", token(4_102_444_800)));
    let text = format!(
        "[DEFAULT]\ntenancy=ocid1.tenancy.oc1..t\nregion=iad\nkey_file=KEY\nsecurity_token_file={}\n",
        path.display()
    );
    let file = folder.load(&text, None, None).expect("user and fingerprint are not needed");
    assert_eq!(key_id(&*file.into_principal(clock()).credentials), format!("ST${}", token(4_102_444_800)));

    folder.write("token", &token(1_000_000_000));
    assert!(folder.refusal(&text, None).contains("the session ended at 2001-09-09"));
    folder.write("token", "no token");
    assert!(folder.refusal(&text, None).contains("holds no session token"));
}

#[test]
fn a_renewed_token_file_is_read_anew() {
    let folder = Folder::new();
    let path = folder.write("token", &token(4_102_444_800));
    let text = format!(
        "[DEFAULT]\ntenancy=ocid1.tenancy.oc1..t\nregion=iad\nkey_file=KEY\nsecurity_token_file={}\n",
        path.display()
    );
    let credentials = folder.load(&text, None, None).expect("good").into_principal(clock()).credentials;
    assert_eq!(key_id(&*credentials), format!("ST${}", token(4_102_444_800)));
    assert_eq!(now(credentials.refresh()).expect("read"), Refreshed::Same);
    folder.write("token", &token(4_102_444_801));
    assert_eq!(now(credentials.refresh()).expect("read"), Refreshed::Renewed);
    assert_eq!(key_id(&*credentials), format!("ST${}", token(4_102_444_801)));
}

#[test]
fn a_session_that_is_asked_for_must_be_there() {
    let folder = Folder::new();
    let text = GOOD.replace("=KEY", &format!("={}", folder.0.path().join("key.pem").display()));
    let file = folder.write("config", &text);
    let profile = Profile { file: Some(&file), kind: ProfileKind::SessionToken, ..Profile::default() };
    let error = load(profile).expect_err("there is no session");
    assert!(error.to_string().contains("security_token_file: it is missing; `oci session authenticate`"), "{error}");
}

#[test]
fn a_key_is_handed_out_only_when_that_was_asked_for() {
    let folder = Folder::new();
    let file = || folder.load(GOOD, None, None).expect("good");
    assert!(file().into_principal(clock()).credentials.exportable_key().is_none());
    let pem = file().exportable().into_principal(clock()).credentials.exportable_key().expect("it was asked for");
    let again = SigningKey::read(pem.expose_secret().as_bytes(), None).expect("a key");
    assert_eq!(again.fingerprint(), FINGERPRINT);
}

#[test]
fn a_config_file_that_is_not_there_is_told() {
    let error = load(Profile { file: Some(Path::new("/nowhere/config")), ..Profile::default() }).expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("/nowhere/config"), "{error}");
}
