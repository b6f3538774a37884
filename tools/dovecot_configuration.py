"""How the sandbox's Dovecot is configured; words between @ are put in by dovecot.py."""

# What both versions write alike. `chroot =` and one user for all is what lets an ordinary user run it;
# anvil-auth-penalty makes failed logins wait longer and longer, which is no help here.
COMMON = """
base_dir = @directory@/run
state_dir = @directory@/state
instance_name = sandbox-@imap@
log_path = @directory@/log/dovecot.log
info_log_path = @directory@/log/dovecot.log
auth_verbose = yes
auth_failure_delay = 0
listen = 127.0.0.1, 127.0.0.2
default_internal_user = @user@
default_internal_group = @group@
default_login_user = @user@
mail_uid = @user@
mail_gid = @group@
first_valid_uid = 1
first_valid_gid = 1
mail_fsync = never
maildir_very_dirty_syncs = no
mail_max_userip_connections = 100
ssl_min_protocol = TLSv1.2
recipient_delimiter = +

namespace inbox {
  inbox = yes
  separator = /
  mailbox Trash {
    auto = create
    special_use = \\Trash
  }
  mailbox Processed {
    auto = create
  }
  mailbox Quarantine {
    auto = create
  }
}

service imap-login {
  chroot =
  inet_listener imap {
    port = @imap@
  }
  inet_listener imaps {
    port = @imaps@
    ssl = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = @pop3@
  }
  inet_listener pop3s {
    port = @pop3s@
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    port = @lmtp@
  }
}
service auth {
  inet_listener sasl {
    port = @sasl@
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap {
  vsz_limit = 512M
}
"""

CONFIGURATION_23 = (
    COMMON
    + """
protocols = imap pop3 lmtp
auth_mechanisms = plain login
auth_username_format = %Lu
disable_plaintext_auth = yes
ssl = yes
ssl_cert = <@certificate@
ssl_key = <@key@
ssl_dh =
local 127.0.0.2 {
  ssl = required
}
last_valid_uid = 0
mail_home = @directory@/mail/%n
mail_location = maildir:~/Maildir
mail_plugins = quota
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%Lu @directory@/users
}
userdb {
  driver = passwd-file
  args = username_format=%Lu @directory@/users
}
protocol imap {
  mail_plugins = quota imap_quota
}
protocol lmtp {
  postmaster_address = postmaster@example.test
  auth_username_format = %Lu
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=2G
}
"""
)

# The passdb for passwords is never asked about a token, nor this one about a password.
OAUTH_PASSDB = """
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = @directory@/oauth2.conf
}
"""
OAUTH = """
introspection_url = @url@
introspection_mode = post
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
scope = mail
timeout_msecs = 3000
"""

CONFIGURATION_24 = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
""" + (
    COMMON
    + """
protocols {
  imap = yes
  pop3 = yes
  lmtp = yes
}
auth_mechanisms = plain login
auth_username_format = %{user | lower}
auth_allow_cleartext = no
ssl = yes
ssl_server_cert_file = @certificate@
ssl_server_key_file = @key@
local 127.0.0.2 {
  ssl = required
}
mail_driver = maildir
mail_home = @directory@/mail/%{user | username}
mail_path = ~/Maildir
passdb passwd-file {
  passwd_file_path = @directory@/users
  default_password_scheme = PLAIN
}
userdb passwd-file {
  passwd_file_path = @directory@/users
}
protocol lmtp {
  postmaster_address = postmaster@example.test
}
"""
)
