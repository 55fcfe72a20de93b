//! Files that something else has changed: bits, cuts, lines in other places, values of other entries.

use super::*;

/// How many random edits are tried of the state, and of the journal.
fn edits() -> usize {
    std::env::var("GOLDFORM_EDITS").ok().and_then(|number| number.parse().ok()).unwrap_or(600)
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % end.max(1)
    }

    /// The bytes with one or two random edits.
    fn edit(&mut self, bytes: &[u8]) -> Vec<u8> {
        let once = self.edit_once(bytes);
        if self.below(4) == 0 { self.edit_once(&once) } else { once }
    }

    fn edit_once(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut edited = bytes.to_vec();
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let (one, other) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(7) {
            0 | 1 => {
                let at = self.below(edited.len());
                edited[at] ^= 1 << self.below(8);
            }
            2 => edited.truncate(self.below(edited.len())),
            3 => {
                let start = self.below(edited.len());
                edited.drain(start..(start + 1 + self.below(40)).min(bytes.len()));
            }
            4 => {
                lines.swap(one, other);
                edited = lines.concat();
            }
            5 => {
                lines.insert(other, lines[one]);
                edited = lines.concat();
            }
            // The value of another line.
            _ => {
                let split = |line: &[u8]| line.windows(2).position(|pair| pair == b": ").map(|at| at + 2);
                if let (Some(start), Some(from)) = (split(lines[one]), split(lines[other])) {
                    let value = [&lines[one][..start], &lines[other][from..]].concat();
                    lines[one] = &value;
                    edited = lines.concat();
                }
            }
        }
        edited
    }
}

#[tokio::test]
async fn an_edited_state_is_refused_and_left_as_it_is_or_says_the_same() {
    let folder = Folder::new();
    let mut snapshot = applied(&[crate::testing::EXAMPLE]);
    folder.locked().await.save(&mut snapshot, SerialBump::Yes).await.unwrap();
    let whole = fs::read(folder.state()).unwrap();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut same) = (0, 0);
    for round in 0..edits() {
        let edited = numbers.edit(&whole);
        match Snapshot::from_bytes(&edited) {
            Err(_) => refused += 1,
            Ok(read) => {
                assert_eq!(read, snapshot, "{}", String::from_utf8_lossy(&edited));
                same += 1;
                continue;
            }
        }
        if round % 20 == 0 {
            fs::write(folder.state(), &edited).unwrap();
            let mut store = folder.locked().await;
            assert!(
                matches!(store.load().await, Err(StoreError::State { kept, .. }) if kept == [snapshot.serial])
            );
            let saved = store.save(&mut snapshot.clone(), SerialBump::Yes).await;
            assert!(matches!(saved, Err(StoreError::State { .. })));
            assert_eq!(fs::read(folder.state()).unwrap(), edited);
        }
    }
    println!("{} edits of a state: {refused} refused, {same} without effect", edits());
    assert!(refused > same, "{refused} refused, {same} without effect");
}

#[test]
fn every_bit_of_a_state_counts() {
    let text = applied(&["version: 1\naccount: \"100000000001\"\n"]).to_text().unwrap();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 1 << bit;
            assert!(Snapshot::from_bytes(&flipped).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[tokio::test]
async fn an_edited_journal_is_refused_and_left_as_it_is_or_ends_earlier() {
    let folder = Folder::with_journal().await;
    let whole = fs::read(folder.journal()).unwrap();
    let prefixes: Vec<_> = (0..=events().len()).map(after).collect();
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let (mut refused, mut earlier) = (0, 0);
    for round in 0..edits() {
        let edited = numbers.edit(&whole);
        fs::write(folder.journal(), &edited).unwrap();
        match folder.load().await {
            Ok(snapshot) => {
                let recorded = snapshot.unwrap().recorded;
                assert!(prefixes.contains(&recorded), "{}", String::from_utf8_lossy(&edited));
                earlier += 1;
            }
            Err(error) => {
                assert!(error.is_unusable(), "{error}");
                refused += 1;
                if round % 20 == 0 {
                    let saved = folder.locked().await.save(&mut example(), SerialBump::Yes).await;
                    assert!(saved.is_err());
                    assert_eq!(fs::read(folder.journal()).unwrap(), edited);
                }
            }
        }
    }
    println!("{} edits of a journal: {refused} refused, {earlier} are a clean beginning", edits());
    assert!(refused > earlier, "{refused} refused, {earlier} a beginning");
}

#[tokio::test]
async fn a_journal_is_whole_wherever_it_is_cut() {
    let folder = Folder::with_journal().await;
    let whole = fs::read(folder.journal()).unwrap();
    assert!(String::from_utf8_lossy(&whole).contains("黄金"));
    for end in 0..=whole.len() {
        fs::write(folder.journal(), &whole[..end]).unwrap();
        let lines = whole[..end].iter().filter(|byte| **byte == b'\n').count();
        let events = lines.saturating_sub(1);
        let snapshot = folder.load().await.unwrap_or_else(|error| panic!("cut at {end}: {error}")).unwrap();
        assert_eq!(snapshot.recorded, after(events), "cut at {end}");
        if end % 16 == 0 && events < 6 {
            // What comes next is written after the last whole line.
            let mut store = folder.locked().await;
            store.load().await.unwrap();
            store.append(&self::events()[events..=events]).await.unwrap();
            assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(events + 1), "cut at {end}");
        }
    }
}

#[tokio::test]
async fn lines_of_a_journal_are_all_there_and_in_their_places() {
    let folder = Folder::with_journal().await;
    let whole = fs::read_to_string(folder.journal()).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let [header, first, second, rest @ ..] = lines.as_slice() else { panic!("{whole}") };
    let rest = rest.concat();
    for (what, text, line) in [
        ("swapped", format!("{header}{second}{first}{rest}"), 2),
        ("missing", format!("{header}{second}{rest}"), 2),
        ("doubled", format!("{header}{first}{first}{second}{rest}"), 3),
        ("without a header", format!("{first}{second}{rest}"), 1),
        ("without a checksum", format!("{header}{}\n{second}{rest}", &first[..first.len() - 34]), 2),
    ] {
        fs::write(folder.journal(), text).unwrap();
        let error = folder.load().await.unwrap_err();
        assert!(matches!(&error, StoreError::JournalLine { line: at, .. } if *at == line), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_journal_of_before_checksums_is_read_and_gone_on_with() {
    let folder = Folder::with_journal().await;
    let whole = fs::read_to_string(folder.journal()).unwrap();
    let old: Vec<String> = whole.lines().map(|line| line[..line.len() - 33].to_owned() + "\n").collect();
    fs::write(folder.journal(), old[..4].concat()).unwrap();
    let mut store = folder.locked().await;
    assert_eq!(store.load().await.unwrap().unwrap().recorded, after(3));
    store.append(&events()[3..]).await.unwrap();
    assert_eq!(fs::read_to_string(folder.journal()).unwrap(), old.concat());
    assert_eq!(folder.load().await.unwrap().unwrap().recorded, after(6));
}
