/* The commands of this folder. Each takes the arguments after its name, which lie in the argv of
 * main, and returns the exit status. */
#ifndef FD_COMMANDS_H
#define FD_COMMANDS_H

int fd_serve_main(int argc, char **argv);
int fd_check_config_main(int argc, char **argv);
int fd_import_main(int argc, char **argv);
int fd_export_main(int argc, char **argv);
int fd_re_embed_main(int argc, char **argv);
int fd_copy_main(int argc, char **argv);
int fd_migrate_main(int argc, char **argv);
int fd_check_main(int argc, char **argv);
int fd_backup_main(int argc, char **argv);
int fd_restore_main(int argc, char **argv);
int fd_token_main(int argc, char **argv);

#endif
