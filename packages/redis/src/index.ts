export { type RedisStoreOptions, openRedisStore } from "./open-redis-store.ts";
