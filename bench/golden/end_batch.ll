; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @end_batch(ptr noalias noundef align 8 captures(none) dereferenceable(232) initializes((48, 64)) %v1, i64 noundef %v2, i64 noundef %v3, i64 noundef %v4) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v5 = getelementptr inbounds nuw i8, ptr %v1, i64 48
  store i64 %v2, ptr %v5, align 8
  %v6 = getelementptr inbounds nuw i8, ptr %v1, i64 64
  %v7 = getelementptr inbounds nuw i8, ptr %v1, i64 136
  %v8 = load i64, ptr %v7, align 8
  %v9 = getelementptr inbounds nuw i8, ptr %v1, i64 56
  %v10 = add i64 %v8, %v3
  store i64 %v10, ptr %v9, align 8
  tail call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(32) %v1, ptr noundef nonnull align 8 dereferenceable(32) %v6, i64 32, i1 false)
  %v11 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  %v12 = load i64, ptr %v11, align 8
  %v13 = add i64 %v12, %v4
  store i64 %v13, ptr %v11, align 8
  %v14 = getelementptr inbounds nuw i8, ptr %v1, i64 144
  %v15 = load i64, ptr %v14, align 8
  %v16 = getelementptr inbounds nuw i8, ptr %v1, i64 40
  %v17 = load i64, ptr %v16, align 8
  %v18 = add i64 %v17, %v15
  store i64 %v18, ptr %v16, align 8
  %v19 = getelementptr inbounds nuw i8, ptr %v1, i64 168
  %v20 = load i64, ptr %v19, align 8
  %v21 = getelementptr inbounds nuw i8, ptr %v1, i64 228
  %v22 = load i8, ptr %v21, align 4
  %v23 = trunc nuw i8 %v22 to i1
  %v24 = sub i64 %v2, %v20
  %v25 = select i1 %v23, i64 -1, i64 4294967295
  %v26 = and i64 %v25, %v24
  %v27 = getelementptr inbounds nuw i8, ptr %v1, i64 176
  %v28 = load i64, ptr %v27, align 8
  %v29 = icmp ult i64 %v26, %v28
  br i1 %v29, label %b2, label %b1
b1:
  %v30 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  %v31 = load i8, ptr %v30, align 8
  %v32 = load i64, ptr %v1, align 8
  %v33 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  %v34 = load i64, ptr %v33, align 8
  switch i8 %v31, label %b7 [
  i8 1, label %b3
  i8 2, label %b4
  ]
b2:
  ret void
b3:
  %v35 = icmp eq i64 %v34, %v2
  br i1 %v35, label %b7, label %b5
b4:
  %v36 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  %v37 = load i64, ptr %v36, align 8
  %v38 = icmp eq i64 %v34, %v2
  br i1 %v38, label %b6, label %b5
b5:
  br label %b6
b6:
  %v39 = phi i64 [ %v37, %b4 ], [ %v32, %b5 ]
  %v40 = sub i64 %v2, %v39
  %v41 = and i64 %v40, %v25
  %v42 = icmp ugt i64 %v41, %v28
  %v43 = select i1 %v42, i64 %v2, i64 %v39
  br label %b7
b7:
  %v44 = phi i64 [ %v43, %b6 ], [ %v2, %b1 ], [ %v2, %b3 ]
  %v45 = and i64 %v25, %v44
  %v46 = icmp eq i64 %v20, %v45
  br i1 %v46, label %b2, label %b8
b8:
  %v47 = getelementptr inbounds nuw i8, ptr %v1, i64 200
  %v48 = load ptr, ptr %v47, align 8
  br i1 %v23, label %b9, label %b10
b9:
  store atomic i64 %v45, ptr %v48 release, align 8
  br label %b11
b10:
  %v49 = trunc i64 %v44 to i32
  store atomic i32 %v49, ptr %v48 release, align 4
  br label %b11
b11:
  store i64 %v45, ptr %v19, align 8
  br label %b2
}
