export { connect, openPool, withConnection } from './connection.ts';
