"""The fixtures give real servers, and roles with no more rights than a deployment's."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from pytest_socket import SocketConnectBlockedError
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from tests.support.fixtures import ROOT, find_shared_data
from tests.support.postgres import APP, OWNER
from tests.support.run import create_run_folder, remove_run_folder


def rows(url, statement):
    with create_engine(url, poolclass=NullPool).begin() as connection:
        return connection.execute(text(statement)).all()


def run(url, statement):
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text(statement))


def test_each_url_connects_as_its_own_role(postgres):
    assert rows(postgres.owner_url, "SELECT current_user") == [(OWNER,)]
    assert rows(postgres.app_url, "SELECT current_user") == [(APP,)]
    assert rows(postgres.admin_url, "SELECT current_database()") == [(postgres.name,)]


def test_only_the_admin_is_a_superuser(postgres):
    privileges = rows(
        postgres.admin_url,
        "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles"
        f" WHERE rolname IN ('{OWNER}', '{APP}') ORDER BY rolname",
    )
    assert privileges == [(name, False, False, False, False) for name in sorted((OWNER, APP))]


def test_the_app_role_owns_nothing_and_belongs_to_nobody(postgres):
    run(postgres.owner_url, "CREATE TABLE thing (id int)")
    owned = "SELECT * FROM pg_shdepend WHERE deptype = 'o' AND refobjid = 'bloop_app'::regrole"
    member = "SELECT roleid::regrole FROM pg_auth_members WHERE member = 'bloop_app'::regrole"
    assert rows(postgres.admin_url, owned) == []
    assert rows(postgres.admin_url, member) == []


def test_the_app_role_may_do_only_what_was_granted(postgres):
    run(postgres.owner_url, "CREATE TABLE thing (id int)")
    with pytest.raises(Exception, match="permission denied for table thing"):
        rows(postgres.app_url, "SELECT * FROM thing")
    with pytest.raises(Exception, match="permission denied for schema public"):
        run(postgres.app_url, "CREATE TABLE another (id int)")
    run(postgres.owner_url, f"GRANT SELECT ON thing TO {APP}")
    assert rows(postgres.app_url, "SELECT * FROM thing") == []


def test_row_level_security_holds_for_the_app_role(postgres):
    run(postgres.owner_url, "CREATE TABLE thing (institution int)")
    run(postgres.owner_url, "INSERT INTO thing VALUES (1), (2)")
    run(postgres.owner_url, "ALTER TABLE thing ENABLE ROW LEVEL SECURITY")
    run(postgres.owner_url, "CREATE POLICY own ON thing USING (institution = 1)")
    run(postgres.owner_url, f"GRANT SELECT ON thing TO {APP}")
    assert rows(postgres.app_url, "SELECT institution FROM thing") == [(1,)]
    assert len(rows(postgres.owner_url, "SELECT institution FROM thing")) == 2


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(postgres, turn):
    run(postgres.owner_url, "CREATE TABLE left_behind (id int)")


def test_a_template_is_built_once_and_copied(postgres_cluster):
    built = []

    def build(database):
        built.append(database.name)
        run(database.owner_url, "CREATE TABLE thing (id int)")

    for _ in range(2):
        name = postgres_cluster.template("support_test", build)
        copy = postgres_cluster.create(template=name)
        assert rows(copy.owner_url, "SELECT count(*) FROM thing") == [(0,)]
        postgres_cluster.drop(copy)
    assert len(built) <= 1  # None where another worker was first.


def test_dropping_does_not_wait_for_who_is_connected(postgres_cluster):
    database = postgres_cluster.create()
    url = make_url(database.app_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        postgres_cluster.drop(database)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_the_shared_database_is_the_owners(postgres_url):
    assert rows(postgres_url, "SELECT current_user") == [(OWNER,)]


def test_redis_is_real(empty_redis_url):
    with redis.Redis.from_url(empty_redis_url) as client:
        client.xadd("stream", {"a": "1"})
        assert client.xlen("stream") == 1
        assert client.eval("return 7", 0) == 7


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_is_emptied_for_each_test(empty_redis_url, turn):
    with redis.Redis.from_url(empty_redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_a_free_port_can_be_bound(free_port):
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port))


def test_the_outside_cannot_be_reached():
    with (
        pytest.warns(UserWarning, match="connect"),
        pytest.raises(SocketConnectBlockedError),
        socket.socket() as client,
    ):
        client.connect(("192.0.2.1", 80))


def test_this_machine_can_be_reached(free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        socket.create_connection(("127.0.0.1", free_port)).close()


def test_what_a_killed_run_left_is_swept_away():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    first = create_run_folder()
    left = Path(str(first).replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    (left / "pg").mkdir(parents=True)
    second = create_run_folder()
    assert not left.exists()
    assert first.exists()
    for folder in (first, second):
        remove_run_folder(folder)


def test_removing_a_run_folder_spares_a_process_that_took_over_its_number(tmp_path):
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    remove_run_folder(tmp_path)
    assert psutil.pid_exists(os.getpid())
    assert not tmp_path.exists()


def test_material_by_others_is_skipped_where_absent_unless_named():
    nowhere = "no/such/folder"
    with pytest.raises(pytest.skip.Exception, match="no test material by others at"):
        find_shared_data({"BLOOP_SHARED_DATA": nowhere})
    with pytest.raises(pytest.fail.Exception, match="BLOOP_TEST_DATA names its place"):
        find_shared_data({"BLOOP_TEST_DATA": nowhere})
    assert find_shared_data({"BLOOP_TEST_DATA": "tests"}) == ROOT / "tests"


@pytest.mark.browser
def test_a_browser_shows_a_page(browser):
    with browser.new_page() as page:
        page.set_content("<title>Waves</title><script>document.title += '!'</script>")
        assert page.title() == "Waves!"
