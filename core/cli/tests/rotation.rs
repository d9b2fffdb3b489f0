//! The verbs against a tenancy: what a script learns from exit codes and JSON lines, and what a person reads.

mod rig;

use std::process::Output;

use rig::{BUCKETS, Rig, now, said};
use serde_json::Value;

fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("output is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} is JSON"))).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_in_json_is_lines_with_a_report_at_the_end() {
    let rig = Rig::start().await;
    rig.edit_config("# file = \"audit.jsonl\"", "file = \"audit.jsonl\"");
    let due = rig.run(&["due", "--json", "--exit-code"]).await;
    assert_eq!(due.status.code(), Some(5), "{}", said(&due));
    let due = json_lines(&due);
    assert_eq!(due.len(), 1);
    assert_eq!(due[0]["due"]["state"], "due");
    let plan = json_lines(&rig.run(&["plan", "--json"]).await);
    assert_eq!(plan[0]["type"], "plan");
    assert_eq!(plan[0]["dependents"]["bucket"], BUCKETS);
    assert_eq!(rig.tenancy.world.writes(), 0, "looking writes nothing");

    let rotated = rig.run(&["rotate", "--yes", "--json"]).await;
    assert_eq!(rotated.status.code(), Some(0), "{}", said(&rotated));
    let lines = json_lines(&rotated);
    assert!(of_type(&lines, "progress").len() > 20);
    let report = lines.last().expect("a last line");
    assert_eq!(report["type"], "report");
    assert_eq!(report["verdict"], "clean");
    assert_eq!(report["census"]["ours"], 1);
    assert_eq!(report["is_test"], true);
    rig.assert_sound().await;

    let id = report["summary"]["rotation"].as_str().expect("an id");
    let status = rig.run(&["status", &id[..4], "--dependents", "--json"]).await;
    assert_eq!(status.status.code(), Some(0), "{}", said(&status));
    let status = json_lines(&status);
    assert_eq!(status[1]["value"].as_array().map(Vec::len), Some(BUCKETS as usize));
    let history = json_lines(&rig.run(&["history", "--json"]).await);
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["rotation"], id);

    let scraped = rig.run(&["metrics"]).await;
    assert_eq!(scraped.status.code(), Some(0), "{}", said(&scraped));
    let scraped = String::from_utf8(scraped.stdout).expect("output is UTF-8");
    for part in [
        "# TYPE keywheel_last_tick_timestamp_seconds gauge\nkeywheel_last_tick_timestamp_seconds 1",
        "keywheel_keys{state=\"waiting\"} 1\n",
        "keywheel_tick_keys 1\n",
        &format!("outcome=\"rekeyed\"}} {BUCKETS}\n"),
    ] {
        assert!(scraped.contains(part), "{part:?} in {scraped}");
    }
    assert!(scraped.ends_with('\n') && !scraped.ends_with("\n\n"));
    let metrics = json_lines(&rig.run(&["metrics", "--json"]).await);
    assert_eq!(of_type(&metrics, "metric").len(), metrics.len());
    assert_eq!(metrics.len(), scraped.lines().filter(|line| !line.starts_with('#')).count());

    let audit = std::fs::read_to_string(rig.folder.0.join("audit.jsonl")).expect("the copy of the trail");
    assert!(audit.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(audit.contains("time_created"), "the mint is in it");
    assert!(audit.contains("page_closed"), "and the pages are");

    let again = rig.run(&["rotate", "--yes"]).await;
    assert_eq!(again.status.code(), Some(0));
    assert!(said(&again).contains("nothing is due"), "{}", said(&again));
    let young = rig.run(&["rotate", rig.tenancy.key.as_str(), "--yes", "--now"]).await;
    assert_eq!(young.status.code(), Some(6), "{}", said(&young));
    assert!(said(&young).contains("R2"), "{}", said(&young));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_deletion_is_told_once_by_rotate_and_shown_every_time_by_due() {
    let rig = Rig::start().await;
    let rotated = rig.run(&["rotate", "--yes"]).await;
    assert_eq!(rotated.status.code(), Some(0), "{}", said(&rotated));
    let (world, key) = (&rig.tenancy.world, &rig.tenancy.key);
    world.others_schedule_deletion(key, &rig.superseded);
    for _ in 0..2 {
        let due = rig.run(&["due", "--exit-code"]).await;
        assert_eq!(due.status.code(), Some(9), "{}", said(&due));
        assert!(
            said(&due).contains("cancel-deletion") && said(&due).contains(rig.superseded.as_str()),
            "{}",
            said(&due)
        );
    }
    let told = said(&rig.run(&["rotate", "--yes"]).await);
    assert!(told.contains("somebody scheduled the deletion of key material (1)"), "{told}");
    let again = said(&rig.run(&["rotate", "--yes"]).await);
    assert!(!again.contains("scheduled the deletion"), "{again}");
    let metrics = said(&rig.run(&["metrics"]).await);
    assert!(metrics.contains("keywheel_deletions_pending{of=\"key_version\"} 1\n"), "{metrics}");

    world.others_cancel_deletion(key, &rig.superseded);
    world.others_set_vault_state(&rig.tenancy.vault, keywheel::model::VaultState::PendingDeletion);
    let due = json_lines(&rig.run(&["due", "--json"]).await);
    assert_eq!(due[0]["deletions"][0]["of"], "vault", "{due:?}");
    assert!(due[0]["deletions"][0]["at"].is_string(), "{due:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_paused_rests_until_it_is_resumed() {
    let rig = Rig::start().await;
    rig.kill_at("append mint_intended:after#1").await;
    let open = json_lines(&rig.run(&["list", "--json"]).await);
    let id = open[0]["rotation"].as_str().expect("an id").to_owned();
    let paused = rig.run(&["pause", &id, "--why", "the auditors\u{1b}[2J are here"]).await;
    assert_eq!(paused.status.code(), Some(0), "{}", said(&paused));
    let rotate = rig.run(&["rotate", "--yes"]).await;
    assert_eq!(rotate.status.code(), Some(3), "{}", said(&rotate));
    assert!(said(&rotate).contains("the auditors\\u{1b}[2J are here"), "{}", said(&rotate));
    let cancelled = rig.run(&["cancel", &id[..6]]).await;
    assert_eq!(cancelled.status.code(), Some(6), "past the pivot there is only forward: {}", said(&cancelled));
    rig.resume_and_check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cancelled_waits_until_the_day_that_was_named() {
    let rig = Rig::start().await;
    rig.kill_at("append page_opened:after#1").await;
    let open = json_lines(&rig.run(&["list", "--json"]).await);
    let id = open[0]["rotation"].as_str().expect("an id").to_owned();
    let cancelled = rig.run(&["cancel", &id, "--until", "7d"]).await;
    assert_eq!(cancelled.status.code(), Some(0), "{}", said(&cancelled));
    let due = rig.run(&["due", "--exit-code"]).await;
    assert_eq!(due.status.code(), Some(0), "{}", said(&due));
    assert_eq!(rig.tenancy.world.versions(&rig.tenancy.key).len(), 1);
    let wrong = rig.run(&["cancel", &id, "--until", "tomorrow"]).await;
    assert_eq!(wrong.status.code(), Some(2), "{}", said(&wrong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_that_runs_out_leaves_the_rest_to_resume() {
    let rig = Rig::start().await;
    let output = rig.run(&["rotate", rig.tenancy.key.as_str(), "--yes", "--for", "500ms"]).await;
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    rig.resume_and_check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wish_with_a_request_id_is_granted_once() {
    let rig = Rig::start().await;
    let wish = ["rotate", rig.tenancy.key.as_str(), "--yes", "--now", "--request-id", "ticket-4711"];
    for _ in 0..2 {
        let output = rig.run(&wish).await;
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    rig.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn init_finds_keys_and_writes_a_config_that_works() {
    let hostile = |t: &rig::seed::Tenancy| {
        let name = "evil\u{202e}\nkeys = [\u{1b}[2J";
        let key = t.world.add_key(&t.vault, &t.compartment, name, now()).shape("RSA", 256).done();
        assert_ne!(key, t.key);
        t.key.clone()
    };
    let rig = Rig::started(keywheel::memory::WorldSettings::lab(), now, hostile).await;
    std::fs::remove_file(rig.folder.config()).expect("the rig wrote one");
    let url = |region| format!("{region}={}", rig.emulator.region_url(region).expect("a port"));
    let (home, replica) = (url(&rig.tenancy.home), url(&rig.tenancy.replica));
    let oci = rig.folder.0.join("oci/config").display().to_string();
    let key = rig.tenancy.key.as_str();
    let args = ["init", "--oci-config", &oci, "--endpoint", &home, "--endpoint", &replica, "--key", key];
    let output = rig.run(&args).await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("2 keys found, 1 of them can be rotated"), "{}", said(&output));
    let config = std::fs::read_to_string(rig.folder.config()).expect("a config");
    assert!(config.contains("cannot be rotated: RSA"), "{config}");
    assert!(!config.contains('\u{202e}') && !config.contains('\u{1b}'));
    let due = rig.run(&["due", "--exit-code"]).await;
    assert_eq!(due.status.code(), Some(5), "{}", said(&due));
    assert_eq!(rig.run(&args).await.status.code(), Some(6), "a config is not replaced");
}

/// Runs a child on a terminal of its own, with this typed into it.
async fn on_a_terminal(rig: &Rig, args: &[&str], typed: &str) -> Option<Output> {
    use tokio::io::AsyncWriteExt as _;
    let command = rig.command(args);
    let words = std::iter::once(command.as_std().get_program()).chain(command.as_std().get_args());
    let line: Vec<_> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let mut script = tokio::process::Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = script.spawn().ok()?;
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(typed.as_bytes()).await.expect("it reads");
    let output = child.wait_with_output().await.expect("it ends");
    drop(stdin);
    Some(output)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_on_a_terminal_sees_the_plan_and_is_asked() {
    let rig = Rig::start().await;
    let Some(no) = on_a_terminal(&rig, &["rotate"], "n\n").await else {
        eprintln!("SKIPPED: no `script` here (bsdutils) to make a terminal with");
        return;
    };
    assert!(said(&no).contains("18 of kind bucket"), "{}", said(&no));
    assert!(said(&no).contains("[y/N]") && said(&no).contains("nothing was changed"), "{}", said(&no));
    assert_eq!(rig.tenancy.world.writes(), 0);

    let yes = on_a_terminal(&rig, &["rotate"], "y\n").await.expect("it was there a moment ago");
    assert_eq!(yes.status.code(), Some(0), "{}", said(&yes));
    assert!(said(&yes).contains("\u{1b}[32mclean"), "on a terminal there are colours: {}", said(&yes));
    rig.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_is_killed_and_resumes_and_has_nothing_due_when_run_again() {
    let rig = Rig::start().await;
    let dir = rig.folder.0.join("demo").display().to_string();
    let first = rig.run(&["demo", "--dir", &dir]).await;
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    for words in [
        "no second version was minted",
        "kill -9: the process is gone",
        "completed with exceptions",
        "OKE cluster leg 2: 1 found, 1 manual",
        "One OKE cluster is left to a person: new secrets use the key's current version",
        "1 successor with 25 volumes and backups, 1 version with 160 of 160 buckets: sound",
        "instead of 7m30s",
    ] {
        assert!(said(&first).contains(words), "{words:?} in {}", said(&first));
    }
    let again = rig.run(&["demo", "--dir", &dir]).await;
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains("nothing is due"), "{}", said(&again));
    assert!(!said(&again).contains("kill -9"), "{}", said(&again));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_rotates_in_its_own_name_by_its_environment() {
    let rig = Rig::start().await;
    rig.edit_config("kind = \"profile\"", "kind = \"resource_principal\"");
    let nowhere = rig.command(&["due"]).env_remove("OCI_RESOURCE_PRINCIPAL_VERSION").output().await.expect("it starts");
    assert_eq!(nowhere.status.code(), Some(2), "{}", said(&nowhere));
    assert!(said(&nowhere).contains("OCI_RESOURCE_PRINCIPAL_RPST: it is not set"), "{}", said(&nowhere));

    let hour = std::time::Duration::from_secs(3600);
    let function = rig.emulator.new_resource(&rig.folder.0.join("function"), hour).expect("written");
    let mut command = rig.command(&["rotate", "--yes"]);
    command
        .env("OCI_RESOURCE_PRINCIPAL_VERSION", "2.2")
        .env("OCI_RESOURCE_PRINCIPAL_RPST", &function.rpst)
        .env("OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM", &function.private_pem)
        .env("OCI_RESOURCE_PRINCIPAL_REGION", &function.region);
    let rotated = command.output().await.expect("it starts");
    assert_eq!(rotated.status.code(), Some(0), "{}", said(&rotated));
    assert_eq!(rig.tenancy.world.minted_by(&rig.tenancy.key, function.principal()), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_rotates_in_its_own_name_by_its_environment() {
    let rig = Rig::start().await;
    let pod = rig.emulator.new_pod(&rig.folder.0.join("pod")).expect("written");
    let section =
        format!("kind = \"workload_identity\"\ntoken_file = {:?}\nproxymux = {:?}", pod.token_path, pod.proxymux_url);
    rig.edit_config("kind = \"profile\"", &section);
    let mut command = rig.command(&["rotate", "--yes"]);
    command.env("OCI_RESOURCE_PRINCIPAL_REGION", "iad").env("OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH", &pod.ca_path);
    let rotated = command.output().await.expect("it starts");
    assert_eq!(rotated.status.code(), Some(0), "{}", said(&rotated));
    assert_eq!(rig.tenancy.world.minted_by(&rig.tenancy.key, pod.principal()), 1);
}

/// What a terminal of this many columns is sent, line by line, without what moves and colours.
async fn on_columns(rig: &Rig, columns: u32, args: &str) -> Vec<String> {
    let (program, config) = (env!("CARGO_BIN_EXE_keywheel"), rig.folder.config());
    let line = format!("stty cols {columns} rows 24 && {program} --config {} {args}", config.display());
    let mut command = tokio::process::Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null());
    let output = command.output().await.expect("script(1), of util-linux, gives a program a terminal");
    assert!(output.status.success(), "{}", said(&output));
    let (mut text, mut rest) = (String::new(), String::from_utf8(output.stdout).expect("UTF-8"));
    while let Some(at) = rest.find('\u{1b}') {
        text.push_str(&rest[..at]);
        let end = rest[at..].find(|c: char| c.is_ascii_alphabetic()).expect("a sequence ends with a letter");
        rest = rest.split_off(at + end + 1);
    }
    text.push_str(&rest);
    text.split(['\r', '\n']).map(str::to_owned).filter(|line| !line.trim().is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_narrow_terminal_what_moves_stays_on_its_line_and_a_report_ends_it() {
    let rig = Rig::start().await;
    let lines = on_columns(&rig, 50, "rotate --yes").await;
    // Lines that are drawn are padded to the terminal's width and sent one after the other.
    let rows = lines.iter().flat_map(|line| {
        let line: Vec<char> = line.chars().collect();
        line.chunks(50).map(|row| row.iter().collect::<String>()).collect::<Vec<_>>()
    });
    let bars: Vec<_> = rows.filter(|row| row.contains(['\u{2588}', '\u{2591}'])).collect();
    assert!(!bars.is_empty(), "a bar was drawn: {lines:#?}");
    for bar in bars {
        assert!(bar.contains("dependents  "), "a bar and its numbers are on one row: {bar:?}");
    }
    let end = lines.iter().position(|line| line.starts_with("rotation ") && line.ends_with("completed, clean"));
    assert!(end.is_some_and(|end| lines[end..].iter().all(|line| !line.contains("dependents  "))), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_its_most_talkative_the_program_says_nothing_of_the_private_key() {
    let rig = Rig::start().await;
    let oci =
        std::fs::read_dir(rig.folder.0.join("oci")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let pem = oci.filter(|path| path.extension().is_some_and(|ending| ending == "pem"));
    let pem: String = pem.map(|path| std::fs::read_to_string(path).expect("text")).collect();
    let secrets: Vec<_> = pem.lines().filter(|line| line.len() >= 40 && !line.starts_with('-')).collect();
    assert!(secrets.len() > 5, "a key has many lines");
    let mut all = String::new();
    for args in
        [&["due"][..], &["plan"], &["doctor"], &["rotate", "--yes"], &["rotate", "--yes", "--json"], &["status", "x"]]
    {
        let output = rig.command(args).env("KEYWHEEL_LOG", "trace").output().await.expect("it starts");
        let said = said(&output);
        all.push_str(&said);
    }
    // What it says would show a secret: whatever else it sends and signs is there.
    for part in ["TRACE", rig.tenancy.key.as_str(), "reencrypt_bucket", "re-keyed 18 of 18"] {
        assert!(all.contains(part), "{part} is in what was said: {} bytes", all.len());
    }
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} was said");
    }
}
