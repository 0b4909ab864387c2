; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @store_published(ptr noalias noundef align 8 captures(none) dereferenceable(536) %v1, i64 noundef %v2) unnamed_addr {
b0:
  %v3 = getelementptr inbounds nuw i8, ptr %v1, i64 356
  %v4 = load i8, ptr %v3, align 4
  %v5 = trunc nuw i8 %v4 to i1
  %v6 = select i1 %v5, i64 -1, i64 4294967295
  %v7 = and i64 %v6, %v2
  %v8 = getelementptr inbounds nuw i8, ptr %v1, i64 496
  %v9 = load i64, ptr %v8, align 8
  %v10 = icmp eq i64 %v9, %v7
  br i1 %v10, label %b1, label %b2
b1:
  ret void
b2:
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 328
  %v12 = load ptr, ptr %v11, align 8
  br i1 %v5, label %b3, label %b4
b3:
  %v13 = load atomic i64, ptr %v12 monotonic, align 8
  %v14 = icmp eq i64 %v13, %v9
  br i1 %v14, label %b7, label %b5
b4:
  %v15 = load atomic i32, ptr %v12 monotonic, align 4
  %v16 = zext i32 %v15 to i64
  %v17 = icmp eq i64 %v9, %v16
  br i1 %v17, label %b8, label %b5
b5:
  %v18 = phi i64 [ %v16, %b4 ], [ %v13, %b3 ]
  %v19 = getelementptr inbounds nuw i8, ptr %v1, i64 424
  %v20 = load i64, ptr %v19, align 8
  %v21 = icmp eq i64 %v20, 7
  br i1 %v21, label %b6, label %b1
b6:
  %v22 = getelementptr inbounds nuw i8, ptr %v1, i64 360
  %v23 = load i64, ptr %v22, align 8
  %v24 = and i64 %v23, %v6
  store i64 5, ptr %v19, align 8
  %v25 = getelementptr inbounds nuw i8, ptr %v1, i64 432
  store i64 %v18, ptr %v25, align 8
  %v26 = getelementptr inbounds nuw i8, ptr %v1, i64 440
  store i64 %v9, ptr %v26, align 8
  %v27 = getelementptr inbounds nuw i8, ptr %v1, i64 448
  store i64 %v24, ptr %v27, align 8
  br label %b1
b7:
  store atomic i64 %v7, ptr %v12 release, align 8
  br label %b9
b8:
  %v28 = trunc i64 %v2 to i32
  store atomic i32 %v28, ptr %v12 release, align 4
  br label %b9
b9:
  store i64 %v7, ptr %v8, align 8
  br label %b1
}
