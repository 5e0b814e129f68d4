import { seedShop } from '@millrace/cli/shop';
import pg from 'pg';
const pool = new pg.Pool({connectionString:'postgres://millrace:millrace@127.0.0.1:25999/seeded'});
let t=Date.now(); let stage='';
const r = await seedShop(pool,{seed:'s1',products:Number(process.argv[2]),orders:Number(process.argv[3]), onProgress:(p)=>{ if(p.stage!==stage){stage=p.stage;t=Date.now();console.log(stage)} if (p.done===p.total) console.log(p, Date.now()-t,'ms', Math.round(process.memoryUsage().rss/1e6)+'MB', process.cpuUsage().user/1e6);}});
console.log(r);
await pool.end();
