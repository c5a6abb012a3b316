use super::*;

fn scratch() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("test.db")).unwrap();
    (dir, db)
}

fn put(connection: &Connection, key: &str, value: &str) -> Result<(), DbError> {
    connection.execute("INSERT INTO meta (key, value) VALUES (?1, ?2)", [key, value])?;
    Ok(())
}

async fn count(db: &Db) -> i64 {
    db.read(|c| Ok::<_, DbError>(c.query_row("SELECT count(*) FROM meta", [], |r| r.get(0))?)).await.unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_for_readers() {
    let (_dir, db) = scratch();
    db.write(|c| put(c, "a", "1")).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_failed_job_undoes_its_own_changes_and_no_others() {
    let (_dir, db) = scratch();
    let jobs = (0..50).map(|i| {
        let db = db.clone();
        async move {
            db.write(move |c| {
                put(c, &format!("key {i}"), "x")?;
                if i % 2 == 0 { Err(DbError::Busy) } else { Ok(()) }
            })
            .await
        }
    });
    let results = futures_util::future::join_all(jobs).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 25);
    assert_eq!(count(&db).await, 25);
}

#[tokio::test]
async fn a_panicking_job_is_answered_and_the_writer_goes_on() {
    let (_dir, db) = scratch();
    let answer = db.write(|_| -> Result<(), DbError> { panic!("on purpose") }).await;
    assert!(matches!(answer, Err(DbError::Panicked)));
    db.write(|c| put(c, "after", "1")).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let (_dir, db) = scratch();
    let answer = db.read(|c| put(c, "sneaky", "1")).await;
    assert!(matches!(answer, Err(DbError::Sqlite(_))), "{answer:?}");
}

#[tokio::test]
async fn a_closed_database_finishes_its_queue_and_takes_no_more() {
    let (_dir, db) = scratch();
    db.write(|c| put(c, "a", "1")).await.unwrap();
    db.close().await;
    assert!(matches!(db.write(|c| put(c, "b", "1")).await, Err(DbError::Closed)));
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_newer_database_is_refused_in_one_sentence() {
    let (dir, db) = scratch();
    db.close().await;
    let file = dir.path().join("test.db");
    Connection::open(&file).unwrap().execute_batch("PRAGMA user_version = 9999").unwrap();
    let error = Db::open(&file).err().expect("a newer file must be refused");
    assert!(matches!(error, DbError::NewerVersion { found: 9999, .. }));
    assert!(!error.to_string().contains('\n'));
}

#[tokio::test]
async fn the_file_gives_space_back_and_writes_are_durable() {
    let (_dir, db) = scratch();
    let pragmas = db
        .write(|c| {
            let auto_vacuum: i64 = c.query_row("PRAGMA auto_vacuum", [], |r| r.get(0))?;
            let synchronous: i64 = c.query_row("PRAGMA synchronous", [], |r| r.get(0))?;
            let mode: String = c.query_row("PRAGMA journal_mode", [], |r| r.get(0))?;
            Ok::<_, DbError>((auto_vacuum, synchronous, mode))
        })
        .await
        .unwrap();
    assert_eq!(pragmas, (2, 2, "wal".to_owned()));
}

#[tokio::test]
async fn a_write_of_another_process_is_noticed() {
    let (dir, db) = scratch();
    let mut foreign = db.foreign_writes();
    let other = Connection::open(dir.path().join("test.db")).unwrap();
    other.execute("INSERT INTO meta (key, value) VALUES ('cli', '1')", []).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), foreign.changed()).await.unwrap().unwrap();
}
