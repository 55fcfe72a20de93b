use crate::cli::WEB;
use crate::common::TestEnv;

/// The world and the state as they are after an apply of [`WEB`].
fn applied() -> TestEnv {
    let env = TestEnv::with(WEB);
    env.expect(0, "apply --yes --quiet");
    env
}

#[test]
fn a_new_image_is_planned_with_its_copies_shares_and_limits() {
    let env = TestEnv::new();
    env.write("goldform.yaml", WEB);
    shown!("plan-create", env.run("plan").text());
    let files: Vec<_> =
        std::fs::read_dir(env.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["goldform.yaml"], "a plan writes nothing");
}

#[test]
fn nothing_to_do_is_reported_in_one_line() {
    shown!("plan-nothing", applied().run("plan --detailed-exitcode").text());
}

#[test]
fn a_changed_description_is_shown_line_by_line() {
    let env = applied();
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    env.edit("goldform.yaml", "team: platform", "team: web");
    shown!("plan-update", env.run("plan").text());
}

#[test]
fn a_new_revision_replaces_without_a_gap() {
    let env = applied();
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    shown!("plan-replace", env.run("plan").text());
}

#[test]
fn a_region_that_is_not_wanted_any_more_is_unshared_and_deleted() {
    let env = applied();
    env.edit("goldform.yaml", "    copies: [ap-singapore]\n", "");
    shown!("plan-region-removed", env.run("plan").text());
}

#[test]
fn an_entry_that_is_gone_is_deleted() {
    let env = applied();
    let text = env.read("goldform.yaml");
    env.write("goldform.yaml", &text[..text.find("images:").unwrap()]);
    shown!("plan-entry-removed", env.run("plan").text());
}

#[test]
fn accounts_come_and_go() {
    let env = applied();
    env.edit("goldform.yaml", "with: [partner, staging]", r#"with: [partner, "200000000003"]"#);
    shown!("plan-accounts", env.run("plan").text());
}

#[test]
fn destroying_is_planned_like_anything_else() {
    shown!("plan-destroy", applied().run("plan --destroy").text());
}

#[test]
fn replacing_under_a_fixed_name_warns_and_renames() {
    let env = TestEnv::with(&WEB.replace("web-{generation}", "web-base"));
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    shown!("plan-fixed-name", env.run("plan").text());
}

#[test]
fn where_both_do_not_fit_accounts_keep_the_old_one_unless_the_entry_consents() {
    let quotas = "cloud: { sandbox: { quotas: { images_per_region: 1 } } }\nimages:";
    let env = TestEnv::with(&WEB.replace("images:", quotas));
    env.expect(0, "apply --yes --quiet");
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    shown!("plan-no-room-for-both", env.expect(3, "plan").text());
    // What the help says.
    env.edit(
        "goldform.yaml",
        "    region: ap-jakarta\n",
        "    region: ap-jakarta\n    replace: delete-first\n",
    );
    shown!("plan-delete-first", env.expect(0, "plan").text());
    env.expect(0, "apply --yes --quiet");
}

#[test]
fn eleven_images_in_a_region_are_refused_with_where_the_limit_comes_from() {
    let mut manifest = String::from("version: 1\naccount: \"100000000001\"\nimages:\n");
    for number in 1..=11 {
        manifest.push_str(&format!(
            "  image-{number:02}: {{ region: ap-jakarta, source: {{ instance: {{ id: ins-000000{number:02} }} }} }}\n"
        ));
    }
    let env = TestEnv::with(&manifest);
    let plan = env.expect(3, "plan");
    shown!("plan-eleven", plan.text());
    let validate = env.expect(3, "validate");
    for part in ["GF601", "ap-jakarta", "11", "10", "documented default", "213/4941"] {
        assert!(validate.stderr.contains(part), "{part}: {}", validate.text());
        assert!(plan.stderr.contains(part), "{part}: {}", plan.text());
    }
    let json = env.run("validate --format json");
    assert_eq!((json.status, json.json()["diagnostics"][0]["rule"].as_str()), (3, Some("GF601")));

    // A manifest that knows better says so, and the message says that it was believed.
    env.edit("goldform.yaml", "images:\n", "limits: { images_per_region: 11 }\nimages:\n");
    env.expect(0, "validate");
    env.edit("goldform.yaml", "images_per_region: 11", "images_per_region: 9");
    assert!(env.expect(3, "validate").stderr.contains("manifest"));

    // What the service said counts more than what the documents say.
    env.edit("goldform.yaml", "limits: { images_per_region: 9 }\n", "");
    env.expect(0, "refresh");
    assert!(env.expect(3, "plan").stderr.contains("read from the service on [day]"));
}

#[test]
fn json_has_changes_steps_edges_and_what_the_rules_say() {
    let env = applied();
    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    env.edit("goldform.yaml", "with: [partner, staging]", "with: [partner]");
    shown!("plan-json", env.run("plan --format json").text());
}

#[test]
fn a_plan_that_was_reviewed_can_be_expected() {
    let env = TestEnv::with(WEB);
    let output = env.command(crate::common::PROGRAM).args(["plan", "--format", "json"]).output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let real = plan["digest"].as_str().unwrap();
    let short = &real["sha256:".len()..][..32];
    env.expect(0, &format!("plan --expect {real}"));
    env.expect(0, &format!("plan --expect {short}")); // as it is shown
    shown!("plan-expect-wrong", env.run("apply --yes --expect 0123456789abcdef0123456789abcdef").text());
    assert_eq!(env.run("state list").stdout, "", "nothing was changed");
    env.write("reviewed.json", &plan.to_string());
    env.edit("goldform.yaml", "copies: [ap-singapore]", "copies: [ap-tokyo]");
    let refused = env.expect(5, "apply --yes --expect reviewed.json --format json");
    let reported = refused.json();
    let differences = reported["expected"]["differences"].as_array().unwrap();
    let names: Vec<&str> = differences.iter().map(|one| one["name"].as_str().unwrap()).collect();
    for verb in ["copy", "tag", "share"] {
        for region in ["ap-singapore", "ap-tokyo"] {
            assert!(names.contains(&format!("{verb} image.web@{region}#1").as_str()), "{names:?}");
        }
    }
    assert!(names.iter().all(|name| !name.contains("ap-jakarta")), "{names:?}");
    assert!(!env.path("goldform.state.json").exists(), "nothing was changed");
    env.edit("goldform.yaml", "copies: [ap-tokyo]", "copies: [ap-singapore]");
    env.expect(0, "apply --yes --expect reviewed.json");
}

#[test]
fn a_plan_that_differs_from_the_reviewed_one_is_reported_on_the_page_too() {
    let env = TestEnv::with(WEB);
    env.expect(0, "plan --format json=reviewed.json");
    env.edit("goldform.yaml", "team: platform", "team: <b>");
    let reported = env.expect(5, "plan --expect reviewed.json --format html=a.html --format markdown=a.md");
    assert!(
        reported.stdout.contains("team: <b>\n") && reported.stdout.contains("  -       team: platform\n"),
        "{}",
        reported.text()
    );
    let page = env.read("a.html");
    assert!(page.contains("<title>goldform plan: not as expected</title>"));
    assert!(page.contains("id=\"expected\"") && page.contains("team: &lt;b&gt;"), "{page}");
    assert!(env.read("a.md").contains("\n-       team: platform\n"), "in a block of code");
}

#[test]
fn a_saved_plan_is_applied_as_it_is_or_not_at_all() {
    let env = TestEnv::with(WEB);
    shown!("plan-out", env.run("plan --quiet --out first.plan").text());
    shown!("show-plan", env.run("show first.plan").text());
    std::fs::remove_file(env.path("goldform.yaml")).unwrap();
    env.expect(0, "apply --yes --quiet first.plan");
    env.write("goldform.yaml", WEB);
    env.expect(0, "plan --detailed-exitcode");

    env.edit("goldform.yaml", "nginx 1.24", "nginx 1.26");
    env.expect(0, "plan --quiet --out second.plan");
    crate::common::cloud::run(&env, "describe web-1 ap-jakarta by hand");
    shown!("apply-stale", env.run("apply --yes --quiet second.plan").text());
}

#[test]
fn a_committed_state_is_enough_to_plan_with() {
    let env = applied();
    std::fs::rename(env.path("goldform.state.json"), env.path("pulled.json")).unwrap();
    std::fs::remove_file(env.path("goldform.world.db")).unwrap();
    assert_eq!(env.run("plan --state pulled.json --detailed-exitcode").status, 0);
    shown!("plan-state-missing", env.run("plan --state nowhere.json").text());
    shown!("apply-state-given", env.run("apply --yes --state pulled.json").text());
}

#[test]
fn a_rule_can_be_reported_to_speak_or_not() {
    let env = applied();
    env.edit("goldform.yaml", "with: [partner, staging]", "with: [partner]");
    env.expect(0, "plan");
    let text = env.read("goldform.yaml");
    env.write("goldform.yaml", &text.replace("web-{generation}", "web-base"));
    shown!("plan-unknown-rule", env.run("plan --deny share_gpa").text());
    let needless = env.run("plan --allow mass_deletion");
    assert!(needless.stderr.contains("mass_deletion"), "{}", needless.text());
}

#[test]
fn many_deletions_are_refused_until_they_are_allowed() {
    let manifest = WEB.replace("[ap-singapore]", "[ap-singapore, ap-tokyo, ap-seoul]");
    let env = TestEnv::with(&manifest);
    env.expect(0, "apply --yes --quiet");
    env.write("goldform.yaml", &manifest.replace("    copies: [ap-singapore, ap-tokyo, ap-seoul]\n", ""));
    shown!("plan-mass-deletion", env.run("plan").text());
    env.expect(3, "plan --allow mass_deletion");
    env.expect(0, "plan --allow mass_deletion --allow mass_unshare");
}

#[test]
fn two_manifests_are_one_where_a_name_is_once() {
    let env = TestEnv::new();
    env.write("m/a.yaml", WEB);
    env.write(
        "m/b.yaml",
        "images:\n  db:\n    region: ap-tokyo\n    source: { snapshots: [snap-2f3a1c2d] }\n",
    );
    let ran = env.expect(0, "plan -f m");
    assert!(ran.stdout.contains("image.db") && ran.stdout.contains("image.web"), "{}", ran.text());
    assert_eq!(env.run("plan -f m/a.yaml -f m/b.yaml").stdout, ran.stdout);
    env.write(
        "m/c.yaml",
        "images:\n  web:\n    region: ap-seoul\n    source: { snapshots: [snap-2f3a1c2d] }\n",
    );
    shown!("plan-declared-twice", env.run("plan -f m").text());
}

#[test]
fn variables_come_from_the_command_line_a_file_the_environment_or_the_default() {
    let manifest = WEB
        .replace("images:", "variables: { build: { default: ins-00000000 } }\nimages:")
        .replace("ins-8f3a1c2d", "\"${build}\"");
    let env = TestEnv::with(&manifest).set("GOLDFORM_VAR_other", "unused");
    let from = |ran: crate::common::Ran| {
        let start = ran.stdout.find("from instance ").unwrap() + "from instance ".len();
        ran.stdout[start..start + 12].to_owned()
    };
    assert_eq!(from(env.expect(0, "plan")), "ins-00000000");
    let env = env.set("GOLDFORM_VAR_build", "ins-11111111");
    assert_eq!(from(env.expect(0, "plan")), "ins-11111111");
    env.write("values.yaml", "build: ins-22222222\n");
    assert_eq!(from(env.expect(0, "plan --var-file values.yaml")), "ins-22222222");
    let over = env.expect(0, "plan --var-file values.yaml --var build=ins-33333333");
    assert_eq!(from(over), "ins-33333333");
}

/// A verdict without credentials: against a record that is fresh, it is the one after a refresh.
#[test]
fn a_plan_from_a_fresh_record_is_the_one_after_a_look_at_the_cloud() {
    let env = applied();
    env.edit("goldform.yaml", r#"revision: "1""#, r#"revision: "2""#);
    env.edit("goldform.yaml", "with: [partner, staging]", "with: [partner]");
    std::fs::copy(env.path("goldform.state.json"), env.path("committed.json")).unwrap();
    for format in ["text", "json", "markdown", "sarif", "junit"] {
        let online = env.expect(0, &format!("plan --refresh --format {format}"));
        let offline = env.expect(0, &format!("plan --state committed.json --format {format}"));
        assert!(!online.stdout.is_empty());
        assert_eq!((offline.stdout, offline.stderr), (online.stdout, online.stderr), "{format}");
    }
}
